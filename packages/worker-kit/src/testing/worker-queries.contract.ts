import { QueryResult, SchemaInfo } from '@db-forge/contract'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Subject } from './contract-subject.ts'
import { RemoteError } from './link.ts'

/** What a request failed with. */
async function errorOf(asked: Promise<unknown>) {
  try {
    await asked
  } catch (error) {
    if (error instanceof RemoteError) return error.error
    throw error
  }
  throw new Error('it did not fail')
}

export function queryContract(subject: Subject): void {
  describe('answers', () => answerContract(subject))
  describe('values', () => valueContract(subject))
  describe('failures', () => failureContract(subject))
  describe('batches', () => batchContract(subject))
  describe('the schema', () => schemaContract(subject))
}

function answerContract(subject: Subject): void {
  beforeAll(async () => {
    await subject.writer.query('create table many (n bigint)')
  })

  test('have rows as objects or as arrays, and keep columns of one name apart', async () => {
    const sql = "select 1 as a, 'x' as b, 2 as a"
    const result = await subject.reader.query(sql)
    expect(QueryResult.parse(result)).toEqual(result)
    expect(result.rows).toEqual([{ a: 1, b: 'x', a_2: 2 }])
    expect(result.columns.map(({ name, key }) => [name, key])).toEqual([
      ['a', undefined],
      ['b', undefined],
      ['a', 'a_2'],
    ])
    const { rows } = await subject.reader.query(sql, [], { rowFormat: 'array' })
    expect(rows).toEqual([[1, 'x', 2]])
  })

  test('are cut off after so many rows, and say so', async () => {
    const three = 'select 1 as n union all select 2 union all select 3 order by 1'
    const ask = (maxRows: number) => subject.reader.query(three, [], { maxRows })
    expect(await ask(2)).toMatchObject({ rows: [{ n: 1 }, { n: 2 }], truncated: true })
    expect(await ask(3)).toMatchObject({ truncated: false })
    expect(await ask(0)).toMatchObject({ rows: [], truncated: true })
  })

  test('say how much was changed, all of it, whatever rows they hold', async () => {
    const insert = 'insert into many (n) values (1), (2), (3) returning n'
    expect(await subject.writer.query(insert, [], { maxRows: 1 })).toMatchObject({
      rows: [{ n: 1 }],
      rowsAffected: 3,
      truncated: true,
    })
    expect(await subject.value('select count(*) from many')).toBe(3)
    const update = await subject.writer.query('update many set n = n + 1 where n > 1')
    expect(update).toMatchObject({ rows: [], columns: [], rowsAffected: 2 })
    expect(await subject.writer.query('delete from many')).toMatchObject({ rowsAffected: 3 })
    expect(await subject.reader.query('select 1 as n')).toMatchObject({ rowsAffected: 0 })
  })
}

function valueContract(subject: Subject): void {
  beforeAll(async () => {
    await subject.writer.query(
      `create table exact (nth bigint, i bigint, r double precision, t text, b ${subject.dialect.bytesType})`,
    )
  })

  const columns = ['i', 'r', 't', 'b'] as const
  let nth = 0
  /** Writes a value by a parameter and reads it again. */
  async function roundTrip(column: (typeof columns)[number], value: unknown) {
    const { dialect, writer, reader } = subject
    nth += 1
    const insert = `insert into exact (nth, ${column}) values (${dialect.mark(1)}, ${dialect.mark(2)})`
    await writer.query(insert, [nth, value])
    const select = `select ${column} from exact where nth = ${dialect.mark(1)}`
    const result = await reader.query(select, [nth], { rowFormat: 'array' })
    expect(result.columns[0]?.type).toBe({ i: 'integer', r: 'real', t: 'text', b: 'blob' }[column])
    return (result.rows[0] as unknown[])[0]
  }

  test.each([
    ['i', 0, 0],
    ['i', -1, -1],
    ['i', 9007199254740991, 9007199254740991],
    ['i', { $integer: '9007199254740992' }, '9007199254740992'],
    ['i', { $integer: '9223372036854775807' }, '9223372036854775807'],
    ['i', { $integer: '-9223372036854775808' }, '-9223372036854775808'],
    ['r', 0.1, 0.1],
    ['r', -1.5, -1.5],
    ['r', 3, 3],
    ['r', 1e300, 1e300],
    ['r', 2.2250738585072014e-308, 2.2250738585072014e-308],
    ['r', { $real: 'Infinity' }, { $real: 'Infinity' }],
    ['r', { $real: '-Infinity' }, { $real: '-Infinity' }],
    ['t', '', ''],
    ['t', `'"\\\n\r\t\u0001`, `'"\\\n\r\t\u0001`],
    ['t', 'é 漢 😀 \u2028 \uFEFF', 'é 漢 😀 \u2028 \uFEFF'],
    ['t', { $text: '7' }, '7'],
    ['b', { $blob: '' }, ''],
    ['b', { $blob: 'AP8Q' }, 'AP8Q'],
  ] as const)('in column %s, %j comes back as %j', async (column, value, expected) => {
    expect(await roundTrip(column, value)).toEqual(expected)
  })

  test.each(columns)('null is null in column %s', async (column) => {
    const { dialect, writer, reader } = subject
    nth += 1
    const insert = `insert into exact (nth, ${column}) values (${dialect.mark(1)}, ${dialect.mark(2)})`
    await writer.query(insert, [nth, null])
    const { rows } = await reader.query(
      `select ${column} as v from exact where nth = ${dialect.mark(1)} and ${column} is null`,
      [nth],
    )
    expect(rows).toEqual([{ v: null }])
  })
}

function failureContract(subject: Subject): void {
  const { sqlCodes } = subject.dialect
  beforeAll(async () => {
    const { writer } = subject
    await writer.query('create table parents (id bigint primary key)')
    await writer.query(
      'create table strict_ones (id bigint primary key, u bigint unique, n bigint not null, c bigint check (c > 0), p bigint references parents (id))',
    )
    await writer.query('insert into strict_ones (id, u, n) values (1, 1, 1)')
  })

  test.each([
    ['select * fro t', sqlCodes.syntax, { offset: 9, line: 1, column: 10 }],
    ['select * from nope', sqlCodes.unknownTable, { offset: 14, line: 1, column: 15 }],
    ['select nope from parents', sqlCodes.unknownColumn, { offset: 7, line: 1, column: 8 }],
    [
      "select '日本😀',\n  nope from parents",
      sqlCodes.unknownColumn,
      { offset: 17, line: 2, column: 3 },
    ],
  ])('%j says what is wrong and where', async (sql, sqlCode, position) => {
    expect(await errorOf(subject.reader.query(sql))).toMatchObject({
      code: 'sql.error',
      sqlCode,
      position,
    })
  })

  test.each([
    ['a primary key', '(id, n) values (1, 1)', sqlCodes.primaryKey],
    ['a unique column', '(id, u, n) values (2, 1, 1)', sqlCodes.unique],
    ['a column that is not null', '(id) values (2)', sqlCodes.notNull],
    ['a check', '(id, n, c) values (2, 1, 0)', sqlCodes.check],
    ['a foreign key', '(id, n, p) values (2, 1, 99)', sqlCodes.foreignKey],
  ])('%s is kept', async (_, rest, sqlCode) => {
    const insert = subject.writer.query(`insert into strict_ones ${rest}`)
    expect(await errorOf(insert)).toMatchObject({ code: 'sql.constraint', sqlCode })
    expect(await subject.value('select count(*) from strict_ones')).toBe(1)
  })

  test.each([
    ['two statements', 'select 1; select 2', 'sql.multiple'],
    ['none', '-- nothing', 'sql.error'],
    ['a transaction by hand', 'begin', 'sql.denied'],
    ['its end', 'commit', 'sql.denied'],
  ])('%s: no request', async (_, sql, code) => {
    expect((await errorOf(subject.writer.query(sql))).code).toBe(code)
  })

  test.each([
    'insert into parents (id) values (5)',
    'update parents set id = 6',
    'delete from parents',
    'create table more (id bigint)',
    'drop table strict_ones',
    'insert into parents (id) values (5) returning id',
  ])('who may only read cannot %j', async (sql) => {
    const readOnly = { readOnly: true }
    expect((await errorOf(subject.reader.query(sql, [], readOnly))).code).toBe('sql.denied')
    const batch = subject.reader.batch([{ sql: 'select 1' }, { sql }], {
      ...readOnly,
      transaction: 'read',
    })
    expect(await errorOf(batch)).toMatchObject({ code: 'sql.denied', statement: 1 })
    expect(await subject.value('select count(*) from parents')).toBe(0)
  })

  test('a parameter too few or too many is told', async () => {
    const sql = `select ${subject.dialect.mark(1)} as a`
    for (const params of [[], ['x', 'y']])
      expect((await errorOf(subject.reader.query(sql, params))).code).toBe('sql.params')
  })
}

function batchContract(subject: Subject): void {
  const insert = (id: number) => ({
    sql: `insert into batched (id) values (${subject.dialect.mark(1)})`,
    params: [id],
  })
  const ids = async () => {
    const { rows } = await subject.reader.query('select id from batched order by id', [], {
      rowFormat: 'array',
    })
    return rows.flat()
  }
  beforeAll(async () => {
    await subject.writer.query('create table batched (id bigint primary key)')
  })

  test('all or nothing, and which statement failed', async () => {
    expect(await errorOf(subject.writer.batch([1, 2, 1, 3].map(insert)))).toMatchObject({
      code: 'sql.constraint',
      statement: 2,
    })
    const wrong = [insert(1), { sql: 'select * fro t' }]
    expect(await errorOf(subject.writer.batch(wrong))).toMatchObject({
      code: 'sql.error',
      statement: 1,
      position: { offset: 9 },
    })
    expect(await ids()).toEqual([])
  })

  test('an answer for each statement, of many', async () => {
    const many = Array.from({ length: 300 }, (_, id) => insert(id))
    const { results } = await subject.writer.batch([
      ...many,
      { sql: 'select count(*) as n from batched' },
    ])
    expect(results.slice(0, -1).map(({ rowsAffected }) => rowsAffected)).toEqual(many.map(() => 1))
    expect(results.at(-1)?.rows).toEqual([{ n: 300 }])
    await subject.writer.query('delete from batched')
  })

  test('without a transaction each is kept, up to the first that fails', async () => {
    const batch = subject.writer.batch([1, 1, 2].map(insert), { transaction: 'none' })
    expect(await errorOf(batch)).toMatchObject({ code: 'sql.constraint', statement: 1 })
    expect(await ids()).toEqual([1])
    await subject.writer.query('delete from batched')
  })

  test('one that reads changes nothing', async () => {
    const reads = { transaction: 'read' }
    expect(await errorOf(subject.reader.batch([insert(1)], reads))).toMatchObject({
      code: 'sql.denied',
      statement: 0,
    })
    const { results } = await subject.reader.batch(
      [{ sql: 'select 1 as a' }, { sql: 'select 2 as b' }],
      reads,
    )
    expect(results.map(({ rows }) => rows)).toEqual([[{ a: 1 }], [{ b: 2 }]])
  })
}

function schemaContract(subject: Subject): void {
  beforeAll(async () => {
    for (const sql of [
      'create table authors (id bigint primary key, name text not null unique)',
      `create table books (a bigint not null, b bigint not null, author bigint references authors (id) on delete cascade,
        title text default 'none', twice bigint generated always as (a + b) stored, primary key (b, a))`,
      'create index books_title on books (title)',
      'create view titles as select title from books',
      "insert into authors (id, name) values (1, 'x'), (2, 'y')",
    ])
      await subject.writer.query(sql)
  })

  test('tables and views, with their columns, keys and rows', async () => {
    const schema = await subject.reader.describe()
    expect(SchemaInfo.parse(schema)).toEqual(schema)
    const named = (name: string) => schema.tables.find((table) => table.name === name)
    expect(named('authors')).toMatchObject({ kind: 'table', rowCount: 2, primaryKey: ['id'] })
    expect(named('titles')).toMatchObject({ kind: 'view', rowCount: null })
    const books = named('books')
    expect(books).toMatchObject({ kind: 'table', rowCount: 0, primaryKey: ['b', 'a'] })
    expect(
      books?.columns.map(({ name, type, nullable, primaryKey, generated }) => [
        name,
        // SQLite keeps some names of types in capitals.
        type.toLowerCase(),
        nullable,
        primaryKey,
        generated,
      ]),
    ).toEqual([
      ['a', 'bigint', false, 2, false],
      ['b', 'bigint', false, 1, false],
      ['author', 'bigint', true, null, false],
      ['title', 'text', true, null, false],
      ['twice', 'bigint', true, null, true],
    ])
    expect(books?.columns[3]?.default).toMatch(/^'none'/)
    expect(books?.foreignKeys).toEqual([
      {
        columns: ['author'],
        table: 'authors',
        references: ['id'],
        onUpdate: 'NO ACTION',
        onDelete: 'CASCADE',
      },
    ])
    const indexes = books?.indexes.map(({ columns, unique, origin }) => [columns, unique, origin])
    expect(indexes).toContainEqual([['title'], false, 'index'])
    expect(indexes).toContainEqual([['b', 'a'], true, 'primaryKey'])
    expect(named('authors')?.indexes).toContainEqual(
      expect.objectContaining({ columns: ['name'], unique: true, origin: 'unique' }),
    )
  })

  test('one table, or none of that name', async () => {
    const { tables } = await subject.reader.describe({ table: 'titles', counts: false })
    expect(tables.map(({ name, rowCount }) => [name, rowCount])).toEqual([['titles', null]])
    for (const table of ['nothing', "x' or 1 = 1 --"])
      expect((await errorOf(subject.reader.describe({ table }))).code).toBe('table.not_found')
  })
}
