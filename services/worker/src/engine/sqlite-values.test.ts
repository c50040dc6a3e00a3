import { type ColumnType, decodeValue, encodeInput, type SqlValue } from '@db-forge/contract'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { encodeCell } from '../testing/encode-cell.ts'
import { EngineUnderTest } from '../testing/engine.ts'
import { toBinding } from './sqlite-values.ts'

const INT64_MAX = 2n ** 63n - 1n
const int64 = fc.bigInt({ min: -INT64_MAX - 1n, max: INT64_MAX })
const edges = fc.constantFrom(
  2n ** 53n,
  2n ** 53n - 1n,
  -(2n ** 53n),
  -(2n ** 53n) + 1n,
  INT64_MAX,
  0n,
)
const text = fc.string({ unit: 'binary' }).filter((value) => !/\p{Surrogate}/u.test(value))
const blob = fc.uint8Array().map((bytes) => Buffer.from(bytes))
const real = fc.double({ noNaN: true })
const anyValue: fc.Arbitrary<SqlValue> = fc.oneof(fc.constant(null), int64, edges, real, text, blob)

/** One value, one form: integers as bigint only where number would round, bytes as plain lists. */
function canonical(value: unknown): unknown {
  if (value instanceof Uint8Array) return { bytes: [...value] }
  if (typeof value === 'bigint' && Number.isSafeInteger(Number(value))) return Number(value)
  return value
}

let db: EngineUnderTest
beforeAll(() => {
  db = new EngineUnderTest()
})
afterAll(() => db.close())

describe('values', () => {
  test.each(['integer', 'real', 'text', 'blob', 'any'] as ColumnType[])(
    'a cell of any kind in a column read as %s is decoded to what it was',
    (type) => {
      fc.assert(
        fc.property(anyValue, (value) => {
          const cell = canonical(decodeValue(JSON.parse(encodeCell(value as never, type)), type))
          expect(cell).toEqual(canonical(value))
        }),
      )
    },
  )

  test.each(['INTEGER', 'REAL', 'TEXT', 'BLOB', 'NUMERIC', 'DATETIME', ''])(
    'what SQLite stores in a column declared %s is what the client decodes',
    (declared) => {
      db.query(`create table stored (id integer primary key, v ${declared})`)
      const witness = db.witness()
      try {
        fc.assert(
          fc.property(fc.array(anyValue, { minLength: 1, maxLength: 5 }), (values) => {
            db.query('delete from stored')
            db.batch(
              values.map((v) => ({
                sql: 'insert into stored (v) values (?)',
                params: [encodeInput(v)],
              })),
            )
            const { columns, rows } = db.query('select v from stored order by id', [], {
              rowFormat: 'array',
            })
            const decoded = rows.map((row) =>
              decodeValue(row[0 as never], columns[0]?.type ?? 'any'),
            )
            const truth = witness
              .prepare('select v from stored order by id')
              .safeIntegers()
              .pluck()
              .all()
            expect(decoded.map(canonical)).toEqual(truth.map(canonical))
          }),
          { numRuns: 40 },
        )
      } finally {
        witness.close()
        db.query('drop table stored')
      }
    },
  )

  test('rows are written as JavaScript would write them, to the letter', () => {
    const declared = ['integer', 'real', 'text', 'blob'] as const
    db.query('create table exact (id integer primary key, a integer, b real, c text, d blob)')
    const witness = db.witness().defaultSafeIntegers().prepare('select a, b, c, d from exact').raw()
    fc.assert(
      fc.property(
        fc.array(fc.tuple(anyValue, anyValue, anyValue, anyValue), { minLength: 1 }),
        (rows) => {
          db.query('delete from exact')
          db.batch(
            rows.map((row) => ({
              sql: 'insert into exact (a, b, c, d) values (?, ?, ?, ?)',
              params: row.map(encodeInput),
            })),
          )
          const expected = (witness.all() as never[][]).map(
            (row) => `[${row.map((cell, at) => encodeCell(cell, declared[at] ?? 'any')).join()}]`,
          )
          const text = db.text('select a, b, c, d from exact', [], { rowFormat: 'array' })
          expect(text).toContain(`"rows":[${expected.join()}],"rowsAffected"`)
        },
      ),
      { numRuns: 200 },
    )
    db.query('drop table exact')
  })

  test.each([
    ["x'ff'", '\uFFFD'],
    ["x'61e28262'", 'a\uFFFDb'],
    ["x'eda080'", '\uFFFD\uFFFD\uFFFD'],
    ["x'f09f98'", '\uFFFD'],
    ["x'c0af'", '\uFFFD\uFFFD'],
    ["x'f09f9880c3'", '😀\uFFFD'],
  ])('text of the bytes %s, which are not UTF-8, is shown as well as can be', (bytes, shown) => {
    expect(db.value(`select cast(${bytes} as text)`)).toBe(shown)
    expect(new TextDecoder().decode(Buffer.from(bytes.slice(2, -1), 'hex'))).toBe(shown)
  })

  test('a parameter of any kind arrives with its storage class', () => {
    const storage = (value: SqlValue) => {
      if (value === null) return 'null'
      if (typeof value === 'bigint') return 'integer'
      if (typeof value === 'string') return 'text'
      return typeof value === 'number' ? 'real' : 'blob'
    }
    fc.assert(
      fc.property(anyValue, (value) => {
        // A number without a fraction is an integer, as JSON knows no other.
        fc.pre(typeof value !== 'number' || !Number.isSafeInteger(value))
        const { columns, rows } = db.query('select ?1, typeof(?1)', [encodeInput(value)], {
          rowFormat: 'array',
        })
        const [cell, kind] = rows[0] as [never, string]
        expect(kind).toBe(storage(value))
        expect(canonical(decodeValue(cell, columns[0]?.type ?? 'any'))).toEqual(canonical(value))
      }),
    )
  })

  test('whole JSON numbers are bound as integers, others as reals, booleans as 0 and 1', () => {
    const kinds = db.query(
      'select typeof(?), typeof(?), typeof(?), typeof(?), ?',
      [1, 1.5, true, -0.0, false],
      {
        rowFormat: 'array',
      },
    )
    expect(kinds.rows).toEqual([['integer', 'real', 'integer', 'real', 0]])
    db.query('create table labels (v text)')
    db.query('insert into labels values (?)', [1])
    expect(db.value('select v from labels')).toBe('1')
  })

  test('infinities survive and NaN becomes null, as in SQLite', () => {
    const { rows } = db.query(
      'select ?, ?, ?',
      [{ $real: 'Infinity' }, { $real: '-Infinity' }, { $real: 'NaN' }],
      {
        rowFormat: 'array',
      },
    )
    expect(rows).toEqual([[{ $real: 'Infinity' }, { $real: '-Infinity' }, null]])
  })

  test.each([
    undefined,
    {},
    [],
    { $integer: '1x' },
    { $integer: 5 },
    { $real: 'x' },
    { $other: '' },
    () => 1,
  ])('what is no value of the contract is refused: %o', (value) =>
    expect(() => toBinding(value)).toThrow(),
  )

  test('an integer beyond 64 bits is refused', () => {
    expect(() => toBinding({ $integer: (INT64_MAX + 1n).toString() })).toThrow(
      'does not fit 64 bits',
    )
    expect(toBinding({ $integer: (-INT64_MAX - 1n).toString() })).toBe(-INT64_MAX - 1n)
  })
})
