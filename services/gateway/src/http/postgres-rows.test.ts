import type { ExtensionInfo, QueryResult, RowChanges, TableInfo } from '@db-forge/contract'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { engineSuite } from '../testing/engine-suites.ts'
import { openTestGateway, type TestGateway } from '../testing/test-gateway.ts'

const UUID = 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'

let g: TestGateway
beforeAll(async () => {
  g = await openTestGateway()
})
afterAll(() => g.destroy())

engineSuite('postgres', 'tables and rows of PostgreSQL', () => {
  const api = '/api/db/pg'
  const query = (sql: string) => g.call<QueryResult>('POST', `${api}/query`, { sql })
  const found = async (table: string, search: string) => {
    const answer = await g.call<QueryResult>('GET', `${api}/tables/${table}/rows${search}`)
    expect(answer).toMatchObject({ status: 200 })
    return answer.body.rows
  }

  beforeAll(async () => {
    await g.call('POST', '/admin/databases/spawn/pg', { engine: 'postgres' })
    const statements = [
      'create extension if not exists citext',
      "create type mood as enum ('good', 'bad')",
      'create domain posint as integer check (value > 0)',
      'create schema sales',
    ]
    const answer = await g.call('POST', `${api}/batch`, {
      statements: statements.map((sql) => ({ sql })),
    })
    expect(answer).toMatchObject({ status: 200 })
  })

  describe.each<[type: string, value: unknown, filter: string, answered: unknown]>([
    ['integer', 7, 'eq.7', 7],
    ['bigint', '9007199254740993', 'gt.9007199254740992', '9007199254740993'],
    [
      'numeric(30,10)',
      '123456789012345678.0123456789',
      'gte.123456789012345678.0123456789',
      '123456789012345678.0123456789',
    ],
    ['double precision', { $real: 'Infinity' }, 'eq.Infinity', { $real: 'Infinity' }],
    ['boolean', true, 'is.true', true],
    ['boolean', 0, 'eq.false', false],
    ['text', 'Ä*', 'like.Ä\\*', 'Ä*'],
    ['varchar(10)', 'abc', 'ilike.A*', 'abc'],
    ['char(5)', 'ab', 'like.a_', 'ab   '],
    ['citext', 'Ann', 'eq.ANN', 'Ann'],
    ['uuid', UUID, `eq.${UUID.toUpperCase()}`, UUID],
    ['uuid', UUID, 'like.a0ee*', UUID],
    ['date', '2026-01-02', 'lt.2026-01-03', '2026-01-02'],
    [
      'timestamp with time zone',
      '2026-01-02T03:04:05+01:00',
      'eq.2026-01-02T02:04:05Z',
      '2026-01-02 02:04:05+00',
    ],
    [
      'timestamp(0) without time zone',
      '2026-01-02 03:04:05.4',
      'like.2026*',
      '2026-01-02 03:04:05',
    ],
    ['interval', '90 minutes', 'eq.1.5 hours', '01:30:00'],
    ['jsonb', { a: [1, 2] }, 'eq.{"a": [1,2]}', '{"a": [1, 2]}'],
    ['jsonb', '"text"', String.raw`eq."\"text\""`, '"text"'],
    ['json', '{"a":1}', 'eq.{ "a": 1 }', '{"a":1}'],
    ['json', [1, 'x'], 'in.("[1,\\"x\\"]")', '[1,"x"]'],
    ['bytea', { $blob: 'AP8=' }, String.raw`eq.\x00ff`, 'AP8='],
    ['bytea', String.raw`\x00ff`, 'eq.{"$blob":"AP8="}', 'AP8='],
    ['int[]', [1, null, 3], 'eq.{1,NULL,3}', '{1,NULL,3}'],
    [
      'text[][]',
      [
        ['a b', 'c"d'],
        ['NULL', '\\'],
      ],
      'ilike.*A B*',
      String.raw`{{"a b","c\"d"},{"NULL","\\"}}`,
    ],
    ['mood', 'good', 'eq.good', 'good'],
    ['posint', 5, 'in.(4,5)', 5],
    ['inet', '10.0.0.1', 'eq.10.0.0.1', '10.0.0.1'],
    ['int4range', '[1,5)', 'eq.[1,4]', '[1,5)'],
  ])('%s', (type, value, filter, answered) => {
    test(`${JSON.stringify(value)} comes back, and is found by ${filter}`, async () => {
      await query('drop table if exists typed')
      const table = { name: 'typed', columns: [{ name: 'v', type }] }
      expect(await g.call('POST', `${api}/tables`, table)).toMatchObject({ status: 201 })
      const inserted = await g.call('POST', `${api}/tables/typed/rows`, [{ v: value }, {}])
      expect(inserted).toMatchObject({ status: 201, body: { rowsAffected: 2 } })
      const rows = await found('typed', `?v=${encodeURIComponent(filter)}`)
      expect(rows).toEqual([{ v: answered }])
      const updated = await g.call<RowChanges>(
        'PATCH',
        `${api}/tables/typed/rows?v=is.null&returning=true`,
        { v: value },
      )
      expect(updated.body.rows).toEqual([{ v: answered }])
    })
  })

  test('a value that does not fit its column is the caller’s mistake', async () => {
    await query(`create table fits (id int primary key, at date, u uuid, m mood, p posint, b bytea,
      v varchar(2), always int generated always as identity)`)
    const rows = `${api}/tables/fits/rows`
    const expected = { status: 400, code: 'sql.error' }
    for (const [search, sqlCode] of [
      ['id=eq.x', '22P02'],
      ['id=99999999999', '22003'],
      ['at=gt.soon', '22007'],
      ['u=eq.1', '22P02'],
      ['m=eq.ugly', '22P02'],
      ['b=eq.%5Cxzz', '22023'],
      ['id=is.true', '42804'],
    ])
      expect([search, await g.problem('GET', `${rows}?${search}`)]).toMatchObject([
        search,
        { ...expected, sqlCode },
      ])
    expect(await g.problem('GET', `${rows}/x`)).toMatchObject({ ...expected, sqlCode: '22P02' })
    expect(await g.problem('GET', `${rows}?ID=1`)).toMatchObject({
      status: 400,
      code: 'column.not_found',
      detail: expect.stringContaining('“ID”'),
    })
    for (const [row, sqlCode] of [
      [{ id: 1, at: '2026-02-30' }, '22008'],
      [{ id: 1, v: 'abc' }, '22001'],
      [{ id: 1, always: 5 }, '428C9'],
      [{ id: [1] }, '22P02'],
      [{ id: 1, v: 'a\0' }, undefined],
    ] as const)
      expect([row, await g.problem('POST', rows, row)]).toMatchObject([
        row,
        { status: 400, ...(sqlCode ? { sqlCode } : {}) },
      ])
    expect(await g.problem('POST', rows, { id: 1, p: -1 })).toMatchObject({
      status: 409,
      code: 'sql.constraint',
    })
  })

  test('names are exact: letters count, dots set the schema apart', async () => {
    const table = (name: string, column: string) =>
      g.call<TableInfo>('POST', `${api}/tables`, {
        name,
        columns: [{ name: column, type: 'int', primaryKey: true }],
      })
    expect(await table('sales.orders', 'one')).toMatchObject({
      status: 201,
      body: { name: 'sales.orders', schema: 'sales' },
    })
    expect(await table('public.sales.orders', 'two')).toMatchObject({
      body: { name: 'public.sales.orders', schema: 'public' },
    })
    expect(await table('Orders', 'three')).toMatchObject({ body: { name: 'Orders' } })
    expect(await table('orders', 'four')).toMatchObject({ body: { name: 'orders' } })
    expect(
      await g.problem('POST', `${api}/tables`, {
        name: 'orders',
        columns: [{ name: 'x' }],
      }),
    ).toMatchObject({ code: 'table.exists' })
    await g.call('POST', `${api}/tables/sales.orders/rows`, { one: 1 })
    expect(await found('sales.orders', '')).toEqual([{ one: 1 }])
    expect(await found('public.sales.orders', '')).toEqual([])
    expect(
      await g.problem('POST', `${api}/tables`, {
        name: 'nowhere.t',
        columns: [{ name: 'x' }],
      }),
    ).toMatchObject({ status: 400, sqlCode: '3F000' })
  })

  test('a table is renamed, moved to another schema, and referred to there', async () => {
    const rename = (table: string, to: string) =>
      g.call<TableInfo>('PATCH', `${api}/tables/${table}`, { action: 'renameTable', to })
    await g.call('POST', `${api}/tables`, {
      name: 'bills',
      columns: [
        { name: 'id', type: 'bigint', primaryKey: true, autoIncrement: true },
        { name: 'order', type: 'int', references: { table: 'sales.orders', onDelete: 'cascade' } },
      ],
      indexes: [{ columns: ['order'] }],
    })
    expect(await rename('bills', 'sales.invoices')).toMatchObject({
      status: 200,
      body: {
        name: 'sales.invoices',
        foreignKeys: [{ table: 'sales.orders', references: ['one'], onDelete: 'CASCADE' }],
      },
    })
    expect(await rename('sales.invoices', 'orders')).toMatchObject({
      status: 409,
      body: { code: 'table.exists' },
    })
    expect(await rename('sales.invoices', 'bills')).toMatchObject({ body: { name: 'bills' } })
    expect(await g.problem('GET', `${api}/tables/sales.invoices`)).toMatchObject({ status: 404 })
    const made = await g.call<RowChanges>('POST', `${api}/tables/bills/rows?returning=true`, [
      {},
      { order: 1 },
    ])
    expect(made.body).toEqual({
      rowsAffected: 2,
      rows: [
        { id: 1, order: null },
        { id: 2, order: 1 },
      ],
    })
  })

  test('things of every kind are listed and dropped as what they are', async () => {
    for (const sql of [
      'create table of_all (a int) partition by range (a)',
      'create view a_view as select 1 as x',
      'create materialized view a_kept_view as select 2 as x',
    ])
      expect(await query(sql)).toMatchObject({ status: 200 })
    for (const [name, kind] of [
      ['of_all', 'table'],
      ['a_view', 'view'],
      ['a_kept_view', 'materializedView'],
    ]) {
      const table = `${api}/tables/${name}`
      expect(await g.call('GET', table)).toMatchObject({ body: { kind } })
      expect(await g.call('GET', `${table}/rows`)).toMatchObject({ status: 200 })
      expect(await g.call('DELETE', table)).toMatchObject({ status: 204 })
      expect(await g.problem('GET', table)).toMatchObject({ code: 'table.not_found' })
    }
  })

  test('what a tenant does to its search path leads no name astray', async () => {
    await query('create table public.here (a int)')
    await query('create table sales.here (a text)')
    await query('alter role owner set search_path = sales')
    await g.call('POST', `${api}/tables/here/rows`, { a: 1 })
    await g.call('POST', `${api}/tables`, { name: 'there', columns: [{ name: 'a' }] })
    await query('alter role owner reset search_path')
    expect(await found('here', '')).toEqual([{ a: 1 }])
    expect(await g.call('GET', `${api}/tables/there`)).toMatchObject({ body: { schema: 'public' } })
  })

  test('extensions are listed: which are there, and which may be installed', async () => {
    const extensions = async () =>
      (await g.call<{ items: ExtensionInfo[] }>('GET', `${api}/extensions`)).body.items
    const items = await extensions()
    expect(items.find(({ name }) => name === 'citext')).toMatchObject({
      trusted: true,
      installedVersion: expect.any(String),
    })
    expect(items.find(({ name }) => name === 'file_fdw')).toMatchObject({
      trusted: false,
      installedVersion: null,
    })
    expect(items.map(({ name }) => name)).toEqual(items.map(({ name }) => name).sort())
  })
})

test('SQLite has no extensions to list', async () => {
  await g.call('POST', '/admin/databases/spawn/lite')
  expect(await g.problem('GET', '/api/db/lite/extensions')).toMatchObject({
    status: 409,
    code: 'engine.unsupported',
  })
  expect(await g.problem('GET', '/api/db/none/extensions')).toMatchObject({
    code: 'database.not_found',
  })
})
