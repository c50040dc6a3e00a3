import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { EngineUnderTest, failure } from '../testing/engine.ts'
import { ANSWER_BYTES_MAX } from './sqlite-connection.ts'

let db: EngineUnderTest
beforeEach(() => {
  db = new EngineUnderTest()
  db.query('create table t (id integer primary key, v text)')
})
afterEach(() => db.close())

const array = { rowFormat: 'array' }
const endless = 'with recursive c(x) as (select 1 union all select x + 1 from c) select x from c'

describe('opening', () => {
  test('a commit is on disk before it is acknowledged', () => {
    db.query('insert into t (v) values (?)', ['x'])
    expect(db.value('pragma synchronous')).toBe(2)
    expect(db.value('pragma journal_mode')).toBe('wal')
    expect(db.value('pragma foreign_keys')).toBe(1)
    expect(db.value('pragma trusted_schema')).toBe(0)
  })

  test('closing leaves everything in the main file', () => {
    db.query('insert into t (v) values (?)', ['kept'])
    const witness = db.witness()
    expect(witness.prepare('select v from t').pluck().all()).toEqual(['kept'])
    witness.close()
  })
})

describe('answers', () => {
  test('every kind of statement gives back what it yields', () => {
    for (const sql of [
      'with a as (select 1) select * from a',
      'values (1)',
      'explain select 1',
      'pragma table_info(t)',
    ])
      expect(db.query(sql).rows.length).toBeGreaterThan(0)
    expect(db.query('/* first */ select 1 as one').rows).toEqual([{ one: 1 }])
    expect(db.query("insert into t (v) values ('a') returning id, v").rows).toEqual([
      { id: 1, v: 'a' },
    ])
  })

  test('columns carry their declared type, and the type by which their cells are read', () => {
    db.query(
      'create table typed (i bigint, r double, s varchar(10), b longblob, n numeric(10,2), d datetime, x)',
    )
    db.query("insert into typed values (1, 1.5, 'a', x'00', 2.5, 'now', 3)")
    const { columns } = db.query('select *, i + 1 as e, null as z from typed')
    expect(columns.map(({ type }) => type)).toEqual([
      'integer',
      'real',
      'text',
      'blob',
      'real',
      'text',
      'integer',
      'integer',
      'any',
    ])
    expect(columns[3]).toEqual({ name: 'b', type: 'blob', declared: 'longblob' })
    expect(columns.at(-1)).toEqual({ name: 'z', type: 'any', declared: null })
    expect(db.query('select x from typed where false').columns[0]?.type).toBe('any')
  })

  test('cells that their column does not explain say what they are', () => {
    db.query('create table loose (i integer, b blob, s text, a)')
    db.query("insert into loose values (9007199254740993, x'01', 'a', null)")
    db.query("insert into loose values ('text', 'text', x'02', 9007199254740993)")
    db.query("insert into loose values (x'03', 7, 'b', x'04')")
    expect(db.query('select * from loose', [], array).rows).toEqual([
      ['9007199254740993', 'AQ==', 'a', null],
      [{ $text: 'text' }, { $text: 'text' }, { $blob: 'Ag==' }, { $integer: '9007199254740993' }],
      [{ $blob: 'Aw==' }, 7, 'b', { $blob: 'BA==' }],
    ])
  })

  test('columns of one name all arrive, each under a key of its own', () => {
    const { columns, rows } = db.query('select 1 as id, 2 as id, 3 as id_2, 4 as id')
    expect(columns.map(({ key }) => key)).toEqual([undefined, 'id_3', undefined, 'id_4'])
    expect(rows).toEqual([{ id: 1, id_3: 2, id_2: 3, id_4: 4 }])
    expect(db.query('select 1 as id, 2 as id', [], array).rows).toEqual([[1, 2]])
  })

  test('a column may bear any name', () => {
    const { rows } = db.query('select 1 as "__proto__", 2 as "a""b\n", 3 as "", 4 as constructor')
    const row = rows[0] as Record<string, unknown>
    expect(Object.getOwnPropertyDescriptor(row, '__proto__')?.value).toBe(1)
    expect(Object.keys(row)).toEqual(['__proto__', 'a"b\n', '', 'constructor'])
  })

  test('columns of any names, also of one, all arrive under keys of their own', () => {
    const hostile = fc.constantFrom(
      '__proto__',
      'a',
      'a_2',
      'A',
      '',
      '"',
      "'",
      '\n',
      '😀',
      '\u2028',
    )
    const other = fc.string({ unit: 'binary', maxLength: 8 })
    const usable = other.filter((name) => !/\0|\p{Surrogate}/u.test(name))
    fc.assert(
      fc.property(fc.array(fc.oneof(hostile, usable), { minLength: 1, maxLength: 12 }), (names) => {
        const list = names.map((name, at) => `${at} as "${name.replaceAll('"', '""')}"`)
        const { columns, rows } = db.query(`select ${list.join()}`)
        expect(columns.map(({ name }) => name)).toEqual(names)
        const keys = columns.map(({ name, key }) => key ?? name)
        expect(new Set(keys).size).toBe(names.length)
        const cells = keys.map((key) => Object.getOwnPropertyDescriptor(rows[0], key)?.value)
        expect(cells).toEqual([...names.keys()])
      }),
      { numRuns: 500 },
    )
  })

  test('text with NUL, quotes and any plane of Unicode comes back as it went in', () => {
    const text = 'a\0b"\\\n\u2028 é 漢 😀 \uFEFF'
    db.query('insert into t values (1, ?)', [text])
    expect(db.value('select v from t')).toBe(text)
    expect(db.value('select length(cast(v as blob)) from t')).toBe(Buffer.byteLength(text))
  })

  test('empty text and an empty blob are not null', () => {
    expect(db.query('select ?, ?, typeof(?2)', ['', { $blob: '' }], array).rows).toEqual([
      ['', '', 'blob'],
    ])
  })
})

describe('limits of an answer', () => {
  test('rows beyond maxRows are cut off and the answer says so', () => {
    const { rows, truncated } = db.query(endless, [], { maxRows: 3, ...array })
    expect({ rows, truncated }).toEqual({ rows: [[1], [2], [3]], truncated: true })
    expect(db.query('values (1), (2)', [], { maxRows: 2 }).truncated).toBe(false)
    expect(db.query('select 1', [], { maxRows: 0 })).toMatchObject({ rows: [], truncated: true })
    expect(db.query('select 1 where false', [], { maxRows: 0 }).truncated).toBe(false)
  })

  test('an answer ends where its bytes end', () => {
    const { rows, truncated } = db.query(
      `select printf('%.*c', 100000, 'x') as x from (${endless})`,
    )
    expect(truncated).toBe(true)
    expect(rows.length).toBe(Math.floor(ANSWER_BYTES_MAX / 100_008))
  })

  test('a row that no answer can hold is an error, and the next query works', () => {
    const sql = "select printf('%.*c', ?, 'x') as x"
    expect(failure(() => db.query(sql, [ANSWER_BYTES_MAX])).code).toBe('result.too_large')
    expect(failure(() => db.query('select zeroblob(4000000)')).code).toBe('result.too_large')
    expect(db.value('select 1')).toBe(1)
  })

  test('a statement that writes runs to its end however little of it is shown', () => {
    const insert = "insert into t (v) values ('x'), ('y'), ('z') returning v"
    const { rows, truncated, rowsAffected } = db.query(insert, [], { maxRows: 1, ...array })
    expect({ rows, truncated, rowsAffected }).toEqual({
      rows: [['x']],
      truncated: true,
      rowsAffected: 3,
    })
    expect(db.value('select count(*) from t')).toBe(3)
    const large = db.query("insert into t (v) values (printf('%.*c', 5000000, 'x')) returning v")
    expect(large).toMatchObject({ rows: [], truncated: true, rowsAffected: 1 })
  })

  test('long answers, one after another, are each whole', () => {
    const sql = `select x, printf('%.*c', 500, 'é') as v from (${endless}) limit 4000`
    for (let run = 0; run < 3; run += 1) {
      const { rows } = db.query(sql, [], { maxRows: 5000, ...array })
      expect(rows.length).toBe(4000)
      expect(rows.at(-1)).toEqual([4000, 'é'.repeat(500)])
    }
  })
})
