import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type ColumnType, decodeValue, encodeInput, type SqlValue } from '@db-forge/contract'
import { StreamEnd } from '@db-forge/contract/wire'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { commandOf, EngineUnderTest, failure } from '../testing/engine.ts'
import { parseCsv } from '../testing/parse-csv.ts'
import { type EngineStream, Interrupted, WrongLane } from './engine.ts'
import type { SqliteEngine } from './sqlite.ts'
import { interruptOnce } from './sqlite-interrupt.ts'

let db: EngineUnderTest
beforeEach(() => {
  db = new EngineUnderTest()
  db.query('create table t (id integer primary key, v text)')
})
afterEach(() => db.close())

const REQUEST = 99
const defaults = { format: 'ndjson', rowFormat: 'array', maxRows: null, credit: 0 } as const

function open(engine: SqliteEngine, sql: string, params: unknown = [], options: object = {}) {
  return engine.openStream(commandOf(sql, params, { ...defaults, ...options }) as never)
}

function next(stream: EngineStream, bytesMax = 64 * 1024) {
  stream.begin(REQUEST)
  try {
    return stream.next(bytesMax)
  } finally {
    stream.end()
  }
}

interface Read {
  readonly text: string
  readonly chunks: readonly { readonly rows: number; readonly text: string }[]
  readonly columns: readonly { readonly name: string; readonly type: ColumnType }[]
  readonly end: StreamEnd
}

function readAll(stream: EngineStream, bytesMax?: number): Read {
  const chunks: { rows: number; text: string }[] = []
  for (;;) {
    const chunk = next(stream, bytesMax)
    if (!chunk) break
    chunks.push({ rows: chunk.rows, text: Buffer.from(chunk.bytes).toString() })
    chunk.release()
  }
  const read = {
    text: chunks.map(({ text }) => text).join(''),
    chunks,
    columns: JSON.parse(stream.meta),
    end: StreamEnd.parse(JSON.parse(stream.tail)),
  }
  stream.close()
  return read
}

const read = (sql: string, params: unknown = [], options: object = {}, bytesMax?: number) =>
  readAll(open(db.reader, sql, params, options), bytesMax)

const rowsOf = (text: string): unknown[][] =>
  text
    .split('\n')
    .slice(0, -1)
    .flatMap((line) => JSON.parse(line).rows)

const counting = (rows: number) =>
  `with recursive c(x) as (select 1 union all select x + 1 from c limit ${rows}) select x from c`
const endless = 'with recursive c(x) as (select 1 union all select x + 1 from c) select x from c'

const INT64_MAX = 2n ** 63n - 1n
const text = fc.string({ unit: 'binary' }).filter((value) => !/\p{Surrogate}/u.test(value))
const hostileText = fc.oneof(
  text,
  fc.constantFrom(
    '',
    ',',
    '"',
    '""',
    '\r\n',
    '\n',
    '\r',
    'a,b',
    ' a ',
    'null',
    '\0',
    'é😀',
    '{"rows":[',
    ']}\n',
  ),
)
const value: fc.Arbitrary<SqlValue> = fc.oneof(
  fc.constant(null),
  fc.bigInt({ min: -INT64_MAX - 1n, max: INT64_MAX }),
  fc.double({ noNaN: true }),
  hostileText,
  fc.uint8Array().map((bytes) => Buffer.from(bytes)),
)
const table = fc
  .integer({ min: 1, max: 5 })
  .chain((width) =>
    fc.array(fc.array(value, { minLength: width, maxLength: width }), { maxLength: 30 }),
  )

/** Stored in a table of as many columns as the first row has. @returns its name, and what is stored. */
function store(rows: readonly SqlValue[][]) {
  const width = rows[0]?.length ?? 1
  const columns = Array.from({ length: width }, (_, at) => `c${at}`)
  db.batch(['drop table if exists stored', `create table stored (${columns.join()})`])
  const sql = `insert into stored values (${columns.map(() => '?').join()})`
  if (rows.length > 0)
    db.batch(rows.map((row) => ({ sql, params: row.map((cell) => encodeInput(cell)) })))
  const witness = db.witness()
  const stored = witness.prepare('select * from stored').safeIntegers().raw().all() as SqlValue[][]
  witness.close()
  return stored
}

function canonical(cell: unknown): unknown {
  if (cell instanceof Uint8Array) return { bytes: [...cell] }
  return typeof cell === 'bigint' && Number.isSafeInteger(Number(cell)) ? Number(cell) : cell
}

/** A cell as CSV has it. */
function csvCell(cell: SqlValue): string | null {
  if (cell instanceof Uint8Array) return Buffer.from(cell).toString('base64')
  if (Object.is(cell, -0)) return '-0.0'
  return cell === null ? null : String(cell)
}

describe('a stream of JSON lines', () => {
  test('begins with its columns and ends with what an answer ends with', () => {
    db.query("insert into t values (1, 'a'), (2, 'b')")
    const { text, columns, end } = read('select * from t', [], { rowFormat: 'object' })
    expect(text).toBe('{"rows":[{"id":1,"v":"a"},{"id":2,"v":"b"}]}\n')
    expect(columns).toEqual(db.query('select * from t').columns)
    expect(end).toMatchObject({ rowsAffected: 0, truncated: false })
  })

  test('of no rows has no lines', () => {
    expect(read('select * from t').chunks).toEqual([])
    expect(read('select * from t').columns.length).toBe(2)
  })

  test('gives the rows that an answer gives, in parts that are lines, however they are cut', () => {
    fc.assert(
      fc.property(
        table,
        fc.constantFrom('array', 'object'),
        fc.nat(400),
        (rows, rowFormat, bytesMax) => {
          const stored = store(rows)
          const { text, chunks, columns } = read(
            'select * from stored',
            [],
            { rowFormat },
            bytesMax,
          )
          for (const chunk of chunks) expect(rowsOf(chunk.text).length).toBe(chunk.rows)
          const got = rowsOf(text)
          expect(got).toEqual(db.query('select * from stored', [], { rowFormat }).rows)
          const cells = got.map((row) =>
            Object.values(row).map((cell, at) =>
              decodeValue(cell as never, columns[at]?.type ?? 'any'),
            ),
          )
          expect(cells.map((row) => row.map(canonical))).toEqual(
            stored.map((row) => row.map(canonical)),
          )
        },
      ),
      { numRuns: 150 },
    )
  })

  test('has parts of about the size that is asked for, and larger ones only for a larger row', () => {
    const { chunks } = read(
      `select x, printf('%.*c', 100, 'x') from (${counting(5000)})`,
      [],
      {},
      10_000,
    )
    for (const { text } of chunks.slice(0, -1)) {
      expect(text.length).toBeLessThanOrEqual(10_000)
    }
    expect(chunks.length).toBeLessThan(1000)
    const { chunks: large } = read(`select printf('%.*c', 300000, 'x') from (${counting(3)})`)
    expect(large.map(({ rows }) => rows)).toEqual([1, 1, 1])
  })

  test('has no end that it sets itself', () => {
    const { text, end } = read(`select x from (${counting(300_000)})`)
    const rows = rowsOf(text)
    expect(rows.length).toBe(300_000)
    expect(rows.at(-1)).toEqual([300_000])
    expect(end.truncated).toBe(false)
  })

  test('ends at the rows that are asked for', () => {
    const { text, end } = read(endless, [], { maxRows: 3 })
    expect(rowsOf(text)).toEqual([[1], [2], [3]])
    expect(end.truncated).toBe(true)
    expect(read('values (1)', [], { maxRows: 1 }).end.truncated).toBe(false)
  })

  test('fails at a row that is too large, after those before it', () => {
    const stream = open(
      db.reader,
      "select printf('%.*c', x, 'x') from (select 5 as x union all select 5000000)",
    )
    let rows = 0
    const error = failure(() => {
      for (;;) rows += next(stream, 1)?.rows ?? 0
    })
    expect([rows, error.code]).toEqual([1, 'result.too_large'])
    stream.close()
  })
})

describe('a stream of CSV', () => {
  const csv = { format: 'csv' }

  test('is what RFC 4180 says', () => {
    db.query(
      `insert into t values (1, 'a "b", c'), (2, null), (3, ''), (4, 'x' || char(13, 10) || 'y')`,
    )
    expect(read('select id, v as "the ""v""" from t', [], csv).text).toBe(
      'id,"the ""v"""\r\n1,"a ""b"", c"\r\n2,\r\n3,""\r\n4,"x\r\ny"\r\n',
    )
    expect(read("select 9223372036854775807, 1.5, 1e999, -1e999, x'0102', x''", [], csv).text).toBe(
      "9223372036854775807,1.5,1e999,-1e999,x'0102',x''\r\n9223372036854775807,1.5,Infinity,-Infinity,AQI=,\"\"\r\n",
    )
  })

  test('has its head even where it has no rows', () => {
    expect(read('select * from t', [], csv).chunks).toEqual([{ rows: 0, text: 'id,v\r\n' }])
  })

  test('names columns as they are named', () => {
    const names = ['__proto__', 'a"b', 'c,d', 'e\nf', '😀', 'id', 'id', '', '\u2028']
    const list = names.map((name, at) => `${at} as "${name.replaceAll('"', '""')}"`)
    const { text } = read(`select ${list.join()}`, [], csv)
    expect(parseCsv(text)[0]).toEqual(names.map((name) => name))
  })

  test('is read back as what is stored, in parts that are lines', () => {
    fc.assert(
      fc.property(table, fc.nat(300), (rows, bytesMax) => {
        const stored = store(rows)
        const { text, chunks } = read('select * from stored', [], csv, bytesMax)
        const [head, ...lines] = parseCsv(text)
        expect(head).toEqual(Array.from({ length: rows[0]?.length ?? 1 }, (_, at) => `c${at}`))
        expect(lines).toEqual(stored.map((row) => row.map(csvCell)))
        const counts = chunks.map(
          ({ text: part }, at) => parseCsv(part).length - (at === 0 ? 1 : 0),
        )
        expect(counts).toEqual(chunks.map(({ rows: count }) => count))
      }),
      { numRuns: 200 },
    )
  })

  test('tells null from empty text, also where there is one column only', () => {
    const { text } = read("values (null), (''), (x'')", [], csv)
    expect(parseCsv(text)).toEqual([['column1'], [null], [''], ['']])
  })

  test('what is not UTF-8 is shown as well as can be', () => {
    expect(read("select cast(x'61ff62' as text) as a", [], csv).text).toBe('a\r\na\uFFFDb\r\n')
  })

  const spectrum = fileURLToPath(
    new URL('../../../../../shared/data/csv-spectrum', import.meta.url),
  )
  const absent = existsSync(spectrum) ? null : 'there is no ../shared/data/csv-spectrum'
  describe.skipIf(absent)(
    absent ? `csv-spectrum: skipped, since ${absent}` : 'csv-spectrum',
    () => {
      const files = absent ? [] : readdirSync(`${spectrum}/csvs`)
      test.each(files)('%s', (file) => {
        const expected = JSON.parse(
          readFileSync(`${spectrum}/json/${file.replace('.csv', '.json')}`, 'utf8'),
        ) as Record<string, string>[]
        const asRows = (source: string) => {
          const [head = [], ...lines] = parseCsv(source)
          return lines.map((line) =>
            Object.fromEntries(line.map((cell, at) => [head[at], cell ?? ''])),
          )
        }
        // The line ends of these files are not all what they once were.
        const unixLines = (rows: unknown) => JSON.stringify(rows).replaceAll('\\r\\n', '\\n')
        const source = readFileSync(`${spectrum}/csvs/${file}`, 'utf8')
        expect(unixLines(asRows(source))).toBe(unixLines(expected))
        const names = Object.keys(expected[0] ?? {})
        const values = expected.map(
          (row) => `(${names.map((name) => `'${row[name]?.replaceAll("'", "''")}'`).join()})`,
        )
        db.query(`create table spectrum (${names.map((name) => `"${name}" text`).join()})`)
        db.query(`insert into spectrum values ${values.join()}`)
        expect(asRows(read('select * from spectrum', [], csv).text)).toEqual(expected)
      })
    },
  )
})

describe('a stream', () => {
  test('goes on while others ask the same engine, and sees what was there when it began', () => {
    db.query(`insert into t ${counting(1000).replace('select x from', "select x, 'a' from")}`)
    const stream = open(db.reader, 'select id from t')
    const chunks = [next(stream, 100)]
    db.query('delete from t')
    expect(db.job(db.reader, commandOf('select count(*) as n from t')).text()).toContain('"n":0')
    for (;;) {
      const chunk = next(stream, 100)
      if (!chunk) break
      chunks.push(chunk)
    }
    expect(chunks.reduce((rows, chunk) => rows + (chunk?.rows ?? 0), 0)).toBe(1000)
    stream.close()
  })

  test('is one of a few; closing it early gives its connection back', () => {
    const streams = Array.from({ length: 4 }, () => open(db.reader, endless))
    for (const stream of streams) expect(next(stream)?.rows).toBeGreaterThan(0)
    expect(failure(() => open(db.reader, endless)).code).toBe('database.busy')
    for (const stream of streams) {
      stream.close()
      stream.close()
    }
    for (let time = 0; time < 10; time += 1) read('select 1')
  })

  test('tells the wrong lane before it runs', () => {
    for (const sql of ["insert into t values (1, 'a')", 'create table u (a)']) {
      const stream = open(db.reader, sql)
      expect(() => next(stream)).toThrow(WrongLane)
      stream.close()
    }
    const denied = open(db.reader, 'delete from t', [], { readOnly: true })
    expect(failure(() => next(denied)).code).toBe('sql.denied')
    denied.close()
    const reads = open(db.engine, 'select * from t')
    expect(() => next(reads)).toThrow(WrongLane)
    reads.close()
    expect(db.value('select count(*) from t')).toBe(0)
  })

  test('of what writes is told once it is durable', () => {
    const insert = `insert into t ${counting(5000).replace('select x from', "select x, 'a' from")} returning id`
    const stream = open(db.engine, insert)
    const first = next(stream, 1000)
    const witness = db.witness()
    expect(witness.prepare('select count(*) from t').pluck().get()).toBe(5000)
    witness.close()
    first?.release()
    const { chunks, end } = readAll(stream, 1000)
    expect(chunks.reduce((rows, chunk) => rows + chunk.rows, first?.rows ?? 0)).toBe(5000)
    expect(end).toMatchObject({ rowsAffected: 5000, lastInsertId: 5000, truncated: false })
  })

  test('of what writes holds no more than an answer', () => {
    const sql = `insert into t select x, printf('%.*c', 100000, 'x') from (${counting(60)}) returning v`
    const { chunks, end } = readAll(open(db.engine, sql))
    expect(chunks.reduce((rows, chunk) => rows + chunk.rows, 0)).toBe(41)
    expect(end).toMatchObject({ rowsAffected: 60, truncated: true })
    const created = readAll(open(db.engine, 'create table u (a)', [], { format: 'csv' }))
    expect([created.text, created.columns]).toEqual(['', []])
    expect(db.query('select * from u').columns.length).toBe(1)
  })

  test('of what fails is undone, and the engine is free', () => {
    const stream = open(db.engine, "insert into t values (1, 'a'), (1, 'b') returning id")
    expect(failure(() => next(stream)).code).toBe('sql.constraint')
    stream.close()
    expect(db.query("insert into t values (1, 'a')").rowsAffected).toBe(1)
    const wrong = open(db.reader, 'select nope')
    expect(failure(() => next(wrong)).details.position?.offset).toBe(7)
    wrong.close()
    const missing = open(db.reader, 'select ?')
    expect(failure(() => next(missing)).code).toBe('sql.params')
    missing.close()
  })

  test('is ended by an interrupt of one of its parts, not by one between them', () => {
    const stream = open(db.reader, endless)
    next(stream)
    expect(interruptOnce(stream.connection, REQUEST)).toBe(true)
    expect(next(stream)?.rows).toBeGreaterThan(0)
    stream.begin(REQUEST)
    expect(interruptOnce(stream.connection, REQUEST)).toBe(false)
    expect(failure(() => stream.next(1000))).toBeInstanceOf(Interrupted)
    stream.end()
    stream.close()
  })

  test('keeps its memory as it is, however long it runs', () => {
    const stream = open(db.reader, `select x, printf('%.*c', 200, 'é') from (${endless})`)
    const buffers = new Set<ArrayBufferLike>()
    for (let part = 0; part < 500; part += 1) {
      const chunk = next(stream)
      if (chunk) buffers.add(chunk.bytes.buffer)
      chunk?.release()
    }
    expect(buffers.size).toBe(1)
    stream.close()
    const large = open(db.reader, `select printf('%.*c', 900000 + x % 1000, 'x') from (${endless})`)
    for (let part = 0; part < 50; part += 1) {
      const chunk = next(large)
      if (chunk) buffers.add(chunk.bytes.buffer)
      chunk?.release()
    }
    expect(buffers.size).toBe(2)
    large.close()
  })
})
