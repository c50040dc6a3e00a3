import { QueryResult } from '@db-forge/contract'
import { describe, expect, test } from 'vitest'
import { failure } from './testing/failure.ts'
import { sharedWorker } from './testing/shared-worker.ts'
import { unavailable } from './testing/worker-process.ts'

const reason = unavailable()
if (reason) process.stderr.write(`PostgreSQL's worker is not tested: ${reason}\n`)

describe.skipIf(reason)('queries', () => {
  const db = sharedWorker()

  test('rows as objects and as arrays, with the names of their types', async () => {
    const result = await db.link.query('select 1 as a, $1::text as b, null::date as a', ['ä"\\\n'])
    expect(QueryResult.parse(result)).toEqual(result)
    expect(result.columns).toEqual([
      { name: 'a', type: 'integer', declared: 'integer' },
      { name: 'b', type: 'text', declared: 'text' },
      { name: 'a', type: 'text', declared: 'date', key: 'a_2' },
    ])
    expect(result.rows).toEqual([{ a: 1, b: 'ä"\\\n', a_2: null }])
    const { rows } = await db.link.query('values (1, true), (2, false)', [], { rowFormat: 'array' })
    expect(rows).toEqual([
      [1, true],
      [2, false],
    ])
  })

  test('what a session does to the form of values is undone, and bytes are read in either form', async () => {
    await db.link.query("set bytea_output = 'escape'")
    const results = await db.link.batch([
      { sql: "set local bytea_output = 'escape'" },
      { sql: String.raw`select '\x00ff5c41'::bytea as b` },
    ])
    expect(results.results[1]?.rows).toEqual([{ b: 'AP9cQQ==' }])
    expect(await db.value('show bytea_output')).toBe('hex')
  })

  test('what a tenant lays down for its role does not change how values come', async () => {
    await db.link.query("alter role owner set datestyle = 'German'")
    await db.link.query("alter role owner set synchronous_commit = 'off'")
    await db.link.query("alter role owner set bytea_output = 'escape'")
    // Waits until other connections than the one that is used again have been opened.
    const values = await Promise.all(
      Array.from({ length: 6 }, () =>
        db.value(
          "select date '2026-01-02' || current_setting('synchronous_commit') || pg_sleep(0.05)",
        ),
      ),
    )
    expect(new Set(values)).toEqual(new Set(['2026-01-02on']))
    await db.link.query('alter role owner reset all')
  })

  test('an encoding that is not UTF-8 ends the connection, not the worker', async () => {
    const error = await failure(db.link.query("set client_encoding = 'LATIN1'"))
    expect(error.code).toBe('sql.error')
    expect(await db.value("select 'ä'")).toBe('ä')
  })

  test('parameters of every kind arrive', async () => {
    await db.link.query(
      'create table given (i int8, r float8, t text, b bytea, l boolean, n numeric, j jsonb, a int[])',
    )
    const params = [
      { $integer: '9223372036854775807' },
      { $real: '-Infinity' },
      { $text: 'x' },
      { $blob: 'AP8=' },
      true,
      '1.50',
      '{"a": 1}',
      '{1,2}',
    ]
    const sql = 'insert into given values ($1,$2,$3,$4,$5,$6,$7,$8) returning *'
    const { rows, rowsAffected } = await db.link.query(sql, params, { rowFormat: 'array' })
    expect(rows[0]).toEqual([
      '9223372036854775807',
      { $real: '-Infinity' },
      'x',
      'AP8=',
      true,
      '1.50',
      '{"a": 1}',
      '{1,2}',
    ])
    expect(rowsAffected).toBe(1)
  })

  test('parameters that do not fit are told apart from wrong statements', async () => {
    expect((await failure(db.link.query('select $1, $2', ['a']))).code).toBe('sql.params')
    expect((await failure(db.link.query('select :a', { a: 1 }))).code).toBe('sql.params')
    expect((await failure(db.link.query('select $1::int', ['x']))).sqlCode).toBe('22P02')
    expect((await failure(db.link.query('select $1', ['a\0b']))).code).toBe('sql.params')
  })

  test('errors have the code, the place and the detail of the server', async () => {
    expect(await failure(db.link.query("select 'ä𝄞',\n  nope"))).toMatchObject({
      code: 'sql.error',
      sqlCode: '42703',
      position: { offset: 16, line: 2, column: 3 },
    })
    await db.link.query('create table once (id int primary key)')
    await db.link.query('insert into once values (1)')
    const error = await failure(db.link.query('insert into once values (1)'))
    expect(error).toMatchObject({ code: 'sql.constraint', sqlCode: '23505' })
    expect(error.detail).toContain('Key (id)=(1) already exists')
    expect((await failure(db.link.query('select 1; select 2'))).code).toBe('sql.multiple')
    expect((await failure(db.link.query('-- nothing'))).code).toBe('sql.error')
    expect((await failure(db.link.query('begin'))).code).toBe('sql.denied')
    expect((await failure(db.link.query('/* a */ COPY t TO STDOUT'))).code).toBe('sql.denied')
  })

  test('an answer is bounded in bytes, and one row that is too large is refused', async () => {
    const { rows, truncated } = await db.link.query(
      "select repeat('x', 100000) from generate_series(1, 1000)",
    )
    expect(truncated).toBe(true)
    expect(rows.length).toBeGreaterThan(30)
    expect(rows.length).toBeLessThan(50)
    const large = "select repeat('x', 6000000)"
    expect((await failure(db.link.query(large))).code).toBe('result.too_large')
    expect(await db.value('select 1')).toBe(1)
  })

  test('a statement that wants more memory than there is fails alone', async () => {
    const error = await failure(db.link.query("select length(repeat('x', 900000000))"))
    expect(error.sqlCode).toBe('53200')
    expect(await db.value('select 1')).toBe(1)
  })

  test('types of the tenant have their names, also after they were renamed', async () => {
    await db.link.query("create type mood as enum ('happy', 'sad')")
    await db.link.query('create table people (m mood, p numeric(10,2), v varchar(5))')
    const declared = async () =>
      (await db.link.query('select * from people')).columns.map((column) => column.declared)
    expect(await declared()).toEqual(['mood', 'numeric(10,2)', 'character varying(5)'])
    await db.link.query('alter type mood rename to feeling')
    expect((await declared())[0]).toBe('feeling')
  })
})

describe.skipIf(reason)('batches', () => {
  const db = sharedWorker()

  test('a deferred constraint fails the whole of it', async () => {
    await db.link.query('create table parent (id int primary key)')
    await db.link.query(
      'create table child (p int references parent deferrable initially deferred)',
    )
    const error = await failure(db.link.batch([{ sql: 'insert into child values (7)' }]))
    expect(error.code).toBe('sql.constraint')
    expect(await db.value('select count(*) from child')).toBe(0)
  })
})

describe.skipIf(reason)('the schema', () => {
  const db = sharedWorker()

  test('tables, views, keys, indexes and counts', async () => {
    const sql = [
      'create table authors (id serial primary key, name text not null unique)',
      `create table books (a int, b int, author int references authors on delete cascade, title text default 'x',
        size int generated always as (a + b) stored, primary key (b, a))`,
      'create index on books (lower(title)) where a > 0',
      'create view titles as select title from books',
      'create schema other',
      'create table other.things (i int)',
      "insert into authors (name) values ('a'), ('b')",
    ]
    await db.link.batch(sql.map((text) => ({ sql: text })))
    const { tables } = await db.link.describe()
    expect(tables.map(({ name, kind, rowCount }) => [name, kind, rowCount])).toEqual([
      ['authors', 'table', 2],
      ['books', 'table', 0],
      ['titles', 'view', null],
      ['other.things', 'table', 0],
    ])
    const books = tables[1]
    expect(books?.primaryKey).toEqual(['b', 'a'])
    expect(
      books?.columns.map(({ name, type, nullable, primaryKey, generated }) => [
        name,
        type,
        nullable,
        primaryKey,
        generated,
      ]),
    ).toEqual([
      ['a', 'integer', false, 2, false],
      ['b', 'integer', false, 1, false],
      ['author', 'integer', true, null, false],
      ['title', 'text', true, null, false],
      ['size', 'integer', true, null, true],
    ])
    expect(books?.foreignKeys).toEqual([
      {
        columns: ['author'],
        table: 'authors',
        references: ['id'],
        onUpdate: 'NO ACTION',
        onDelete: 'CASCADE',
      },
    ])
    expect(
      books?.indexes.map(({ columns, unique, partial, origin }) => [
        columns,
        unique,
        partial,
        origin,
      ]),
    ).toEqual([
      [[null], false, true, 'index'],
      [['b', 'a'], true, false, 'primaryKey'],
    ])
    expect(tables[2]?.sql).toContain('SELECT')
  })

  test('one table, or none of that name', async () => {
    expect((await db.link.describe({ table: 'other.things' })).tables[0]).toMatchObject({
      schema: 'other',
    })
    for (const table of ["x' or true --", 'books\0', `${'x'.repeat(63)}x`, '.things', 'other.'])
      expect((await failure(db.link.describe({ table }))).code).toBe('table.not_found')
  })

  test('names with dots, and things of every kind, are told apart', async () => {
    const sql = [
      'create schema a',
      'create schema "a.b"',
      'create table a."b.c" (one int primary key)',
      'create table "a.b".c (two int references a."b.c")',
      'create table "a.b.c" (three int)',
      `create table ${'x'.repeat(63)} (i int)`,
      "create type mood as enum ('good', 'bad')",
      'create materialized view kept as select 1 as one, null::mood as mood',
    ]
    await db.link.batch(sql.map((text) => ({ sql: text })))
    const columnOf = async (table: string) => {
      const { tables } = await db.link.describe({ table })
      return tables.map(({ name, columns }) => [name, columns[0]?.name])
    }
    expect(await columnOf('a.b.c')).toEqual([['a.b.c', 'one']])
    expect(await columnOf('"a.b".c')).toEqual([['"a.b".c', 'two']])
    expect(await columnOf('public.a.b.c')).toEqual([['public.a.b.c', 'three']])
    expect((await db.link.describe({ table: '"a.b".c' })).tables[0]?.foreignKeys).toMatchObject([
      { table: 'a.b.c', references: ['one'] },
    ])
    expect((await db.link.describe({ table: 'public.kept' })).tables).toMatchObject([
      { name: 'kept', kind: 'materializedView', rowCount: 1, columns: [{}, { type: 'mood' }] },
    ])
  })
})
