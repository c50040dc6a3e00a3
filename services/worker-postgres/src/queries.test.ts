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

  test.each([
    ['int8', "'9007199254740993'::int8", '9007199254740993', 'integer'],
    ['negative int8', "'-9223372036854775808'::int8", '-9223372036854775808', 'integer'],
    ['largest exact int8', "'9007199254740991'::int8", 9007199254740991, 'integer'],
    [
      'numeric',
      '1234567890123456789.100000000000000001',
      '1234567890123456789.100000000000000001',
      'numeric',
    ],
    ['numeric NaN', "'NaN'::numeric", 'NaN', 'numeric'],
    ['float8', '0.1::float8 + 0.2::float8', 0.30000000000000004, 'real'],
    ['float8 infinity', "'-Infinity'::float8", { $real: '-Infinity' }, 'real'],
    ['float8 NaN', "'NaN'::float8", { $real: 'NaN' }, 'real'],
    ['large float8', "'1e300'::float8", 1e300, 'real'],
    ['float4', '0.1::float4', 0.1, 'real'],
    ['boolean', 'true', true, 'boolean'],
    ['bytea', String.raw`'\x00ff10'::bytea`, 'AP8Q', 'blob'],
    ['empty bytea', "''::bytea", '', 'blob'],
    [
      'timestamptz',
      "'2026-01-02 03:04:05.678901+00'::timestamptz",
      '2026-01-02 03:04:05.678901+00',
      'text',
    ],
    ['timestamp infinity', "'infinity'::timestamp", 'infinity', 'text'],
    ['date BC', "'0044-03-15 BC'::date", '0044-03-15 BC', 'text'],
    [
      'interval',
      "'1 year 2 days 03:04:05.000006'::interval",
      '1 year 2 days 03:04:05.000006',
      'text',
    ],
    ['json', `'{"a":1.10, "a":2}'::json`, '{"a":1.10, "a":2}', 'json'],
    [
      'jsonb digits',
      `'{"n":1234567890.12345678901234567890}'::jsonb`,
      '{"n": 1234567890.12345678901234567890}',
      'json',
    ],
    ['array', "array['a', null, 'b\"c']", String.raw`{a,NULL,"b\"c"}`, 'text'],
    ['range', "'[1,5)'::int4range", '[1,5)', 'text'],
    ['composite', "row(1, 'a b', null)", '(1,"a b",)', 'text'],
    [
      'uuid',
      "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid",
      'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
      'text',
    ],
    ['control characters', String.raw`E'\x01\x1f\t\u2028'`, '\u0001\u001f\t\u2028', 'text'],
  ])('%s comes without loss', async (_, expression, expected, type) => {
    const { rows, columns } = await db.link.query(`select ${expression}`, [], {
      rowFormat: 'array',
    })
    expect(rows[0]).toEqual([expected])
    expect(columns[0]?.type).toBe(type)
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

  test('too many rows are cut off, and what a statement did stays done', async () => {
    const some = await db.link.query('select generate_series(1, 100) n', [], { maxRows: 3 })
    expect(some).toMatchObject({ rows: [{ n: 1 }, { n: 2 }, { n: 3 }], truncated: true })
    const all = await db.link.query('select generate_series(1, 3) n', [], { maxRows: 3 })
    expect(all.truncated).toBe(false)
    await db.link.query('create table many (n int)')
    const sql = 'insert into many select generate_series(1, 50) returning n'
    expect(await db.link.query(sql, [], { maxRows: 2 })).toMatchObject({
      rowsAffected: 50,
      truncated: true,
    })
    expect(await db.value('select count(*) from many')).toBe(50)
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

  test('write: all or nothing, and it says which failed', async () => {
    await db.link.query('create table t (id int primary key)')
    const statements = [1, 2, 1, 3].map((id) => ({
      sql: 'insert into t values ($1)',
      params: [id],
    }))
    expect(await failure(db.link.batch(statements))).toMatchObject({
      code: 'sql.constraint',
      statement: 2,
    })
    expect(await db.value('select count(*) from t')).toBe(0)
    const many = Array.from({ length: 500 }, (_, id) => ({
      sql: 'insert into t values ($1)',
      params: [id],
    }))
    const { results } = await db.link.batch(many)
    expect(results.map(({ rowsAffected }) => rowsAffected)).toEqual(many.map(() => 1))
    expect(await db.value('select count(*) from t')).toBe(500)
  })

  test('none: each commits alone, up to the first that fails', async () => {
    await db.link.query('create table n (id int primary key)')
    const statements = [1, 1, 2].map((id) => ({ sql: `insert into n values (${id})` }))
    const error = await failure(db.link.batch(statements, { transaction: 'none' }))
    expect(error).toMatchObject({ code: 'sql.constraint', statement: 1 })
    expect(await db.value('select array_agg(id)::text from n')).toBe('{1}')
  })

  test('read: nothing can be written', async () => {
    const error = await failure(
      db.link.batch([{ sql: 'create table w (i int)' }], { transaction: 'read' }),
    )
    expect(error.code).toBe('sql.denied')
    const { results } = await db.link.batch([{ sql: 'select 1 a' }], {
      transaction: 'read',
      readOnly: true,
    })
    expect(results[0]?.rows).toEqual([{ a: 1 }])
  })

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
