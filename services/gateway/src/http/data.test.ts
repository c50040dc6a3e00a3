import type { QueryResult, RowChanges, SchemaInfo, TableInfo } from '@db-forge/contract'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openTestGateway, type TestGateway } from '../testing/test-gateway.ts'

let g: TestGateway
beforeAll(async () => {
  g = await openTestGateway()
  await g.call('POST', '/admin/databases/spawn/data')
})
afterAll(() => g.destroy())

const query = (sql: string, extra: object = {}) =>
  g.call<QueryResult>('POST', '/api/db/data/query', { sql, ...extra })
const rows = async (sql: string, extra: object = {}) => {
  const { status, body } = await query(sql, { rowFormat: 'array', ...extra })
  expect({ status, body }).toMatchObject({ status: 200 })
  return body.rows
}
const problem = (sql: string, extra: object = {}) =>
  g.problem('POST', '/api/db/data/query', { sql, ...extra })

describe('queries', () => {
  test.each([
    ['with c as (select 1 as x) select * from c', [[1]]],
    ['values (1, 2)', [[1, 2]]],
    ['-- a comment\nselect 3', [[3]]],
    ['/* and\nanother */ select 4', [[4]]],
    ['pragma foreign_keys', [[1]]],
  ])('%j yields its rows', async (sql, expected) => {
    expect(await rows(sql)).toEqual(expected)
  })

  test('what is written is brought to the disk before it is acknowledged', async () => {
    const { body } = await g.call<{ results: QueryResult[] }>('POST', '/api/db/data/batch', {
      statements: [{ sql: 'pragma synchronous' }],
      rowFormat: 'array',
    })
    expect(body.results[0]?.rows).toEqual([[2]])
  })

  test('PRAGMA table_info, EXPLAIN and INSERT … RETURNING yield theirs', async () => {
    await query('create table kinds (id integer primary key, v text)')
    expect(await rows('pragma table_info(kinds)')).toHaveLength(2)
    expect((await rows('explain query plan select * from kinds')).length).toBeGreaterThan(0)
    expect(
      (await query(`insert into kinds (v) values ('a'), ('b') returning id, v`)).body,
    ).toMatchObject({
      rows: [
        { id: 1, v: 'a' },
        { id: 2, v: 'b' },
      ],
      rowsAffected: 2,
      lastInsertId: 2,
    })
    expect((await query(`update kinds set v = 'c'`)).body).toMatchObject({
      rows: [],
      rowsAffected: 2,
    })
  })

  test('values come back as they went in', async () => {
    const params = [9007199254740993n, { $blob: 'AP8Q' }, 'nul\0within', null, 1.5, true]
    const text = JSON.stringify(
      { sql: 'select ?1 as a, ?1 as a, ?2 as b, ?3 as t, ?4 as n, ?5 as r, ?6 as o', params },
      (_, value) => (typeof value === 'bigint' ? `«${value}»` : value),
    ).replace(/"«(\d+)»"/, '$1')
    const { body } = await g.call<QueryResult>('POST', '/api/db/data/query', text)
    expect(body.columns.map(({ name, type, key }) => [name, type, key])).toEqual([
      ['a', 'integer', undefined],
      ['a', 'integer', 'a_2'],
      ['b', 'blob', undefined],
      ['t', 'text', undefined],
      ['n', 'any', undefined],
      ['r', 'real', undefined],
      ['o', 'integer', undefined],
    ])
    expect(body.rows).toEqual([
      {
        a: '9007199254740993',
        a_2: '9007199254740993',
        b: 'AP8Q',
        t: 'nul\0within',
        n: null,
        r: 1.5,
        o: 1,
      },
    ])
  })

  test('parameters go by name too', async () => {
    expect(await rows('select :a + $b + @c', { params: { a: 1, b: 2, c: 3 } })).toEqual([[6]])
  })

  test('an answer is cut at its row limit and says so', async () => {
    const endless =
      'with recursive c(n) as (select 1 union all select n + 1 from c) select n from c'
    expect((await query(endless, { maxRows: 3 })).body).toMatchObject({
      rows: [{ n: 1 }, { n: 2 }, { n: 3 }],
      truncated: true,
    })
    expect((await query('select 1', { maxRows: 1 })).body.truncated).toBe(false)
  })

  test('failures have a code, the engine’s code and a place', async () => {
    expect(await problem('select\n  1 +* 2')).toMatchObject({
      status: 400,
      code: 'sql.error',
      sqlCode: 'SQLITE_ERROR',
    })
    expect(await problem('selec 1')).toMatchObject({ position: { line: 1, column: 1 } })
    expect(await problem('select ?')).toMatchObject({ status: 400, code: 'sql.params' })
    expect(await problem('select 1; select 2')).toMatchObject({ status: 400, code: 'sql.multiple' })
    expect(await problem('insert into kinds values (1, null)')).toMatchObject({
      status: 409,
      code: 'sql.constraint',
      sqlCode: 'SQLITE_CONSTRAINT_PRIMARYKEY',
    })
    expect(await problem(`attach '/etc/passwd' as x`)).toMatchObject({
      status: 403,
      code: 'sql.denied',
    })
    expect(await problem('delete from kinds', { readOnly: true })).toMatchObject({
      status: 403,
      code: 'sql.denied',
    })
  })

  test('a batch is all or nothing and names the statement that failed', async () => {
    const statements = [
      { sql: `insert into kinds (v) values ('x')` },
      { sql: 'insert into nope values (1)' },
    ]
    expect(await g.problem('POST', '/api/db/data/batch', { statements })).toMatchObject({
      status: 400,
      statement: 1,
    })
    expect(await rows(`select count(*) from kinds where v = 'x'`)).toEqual([[0]])
    const { body } = await g.call('POST', '/api/db/data/batch', {
      statements: [
        { sql: 'create table made (x)' },
        { sql: 'insert into made values (?)', params: [1] },
        { sql: 'select * from made' },
      ],
    })
    expect(body).toMatchObject({ results: [{}, { rowsAffected: 1 }, { rows: [{ x: 1 }] }] })
  })
})

describe('requests that do not fit', () => {
  test.each([
    ['POST', '/api/db/data/query', { sql: 1 }, '#/sql'],
    ['POST', '/api/db/data/query', { sql: 'select 1', params: [[1]] }, '#/params'],
    ['POST', '/api/db/data/query', { sql: 'select 1', nope: 1 }, '#'],
    [
      'POST',
      '/api/db/data/query',
      { sql: 'select 1', params: [{ $integer: '99999999999999999999' }] },
      '#/params',
    ],
    ['POST', '/api/db/data/batch', { statements: [{ sql: 'select 1' }, {}] }, '#/statements/1/sql'],
    ['POST', '/admin/databases/spawn/x', { memoryMb: 'much' }, '#/memoryMb'],
    [
      'POST',
      '/api/db/data/tables',
      { name: 't', columns: [{ name: 'a', type: 'TEXT); drop table x; --' }] },
      '#/columns/0/type',
    ],
  ])('%s %s %j: 400 at %s', async (method, path, body, pointer) => {
    const answer = await g.problem(method, path, body)
    expect(answer).toMatchObject({ status: 400, code: 'request.invalid' })
    expect(answer.errors?.some((error) => error.pointer?.startsWith(pointer))).toBe(true)
  })

  test('bad names, bodies and addresses are refused with their code', async () => {
    expect(await g.problem('POST', '/admin/databases/spawn/bad.name')).toMatchObject({
      status: 400,
      errors: [{ parameter: 'name' }],
    })
    expect(await g.problem('POST', '/admin/databases/spawn/..%2f..%2fetc')).toMatchObject({
      status: 400,
    })
    expect(await g.problem('POST', '/api/db/none/query', { sql: 'select 1' })).toMatchObject({
      status: 404,
      code: 'database.not_found',
    })
    expect(await g.problem('POST', '/api/db/data/query', '{"sql":')).toMatchObject({
      status: 400,
      code: 'request.malformed',
    })
    expect(await g.problem('POST', '/api/db/data/query', '{"__proto__":{}}')).toMatchObject({
      status: 400,
      code: 'request.malformed',
    })
    expect(await g.problem('GET', '/nope')).toMatchObject({ status: 404, code: 'route.not_found' })
    const big = await g.problem(
      'POST',
      '/api/db/data/query',
      `{"sql":"${'x'.repeat(g.config.bodyBytesMax)}"}`,
    )
    expect(big).toMatchObject({ status: 413, code: 'request.too_large' })
    const text = await g.call('POST', '/api/db/data/query', 'sql=1', {
      'content-type': 'text/plain',
    })
    expect(text).toMatchObject({ status: 415, body: { code: 'request.media_type' } })
  })
})

describe('tables and rows', () => {
  const people = '/api/db/data/tables/people'
  const listed = async (search: string) =>
    (await g.call<QueryResult>('GET', `${people}/rows?${search}`)).body.rows

  test('a table is created, described, altered and dropped', async () => {
    const made = await g.call<TableInfo>('POST', '/api/db/data/tables', {
      name: 'people',
      columns: [
        { name: 'id', type: 'INTEGER', primaryKey: true, autoIncrement: true },
        { name: 'email', type: 'TEXT', notNull: true, unique: true },
        { name: 'age', type: 'INTEGER', default: 18 },
        { name: 'quote " mark', type: 'TEXT', default: "it's" },
        {
          name: 'boss',
          type: 'INTEGER',
          references: { table: 'people', column: 'id', onDelete: 'set null' },
        },
      ],
      indexes: [{ columns: ['age', 'email'] }],
    })
    expect(made).toMatchObject({
      status: 201,
      body: {
        name: 'people',
        primaryKey: ['id'],
        rowCount: 0,
        foreignKeys: [
          { columns: ['boss'], table: 'people', references: ['id'], onDelete: 'SET NULL' },
        ],
      },
    })
    expect(made.body.indexes.map(({ name, origin }) => [name, origin])).toContainEqual([
      'people_age_email_idx',
      'index',
    ])
    expect(
      await g.problem('POST', '/api/db/data/tables', { name: 'People', columns: [{ name: 'x' }] }),
    ).toMatchObject({ code: 'table.exists' })
    const altered = await g.call<TableInfo>('PATCH', people, {
      action: 'addColumn',
      column: { name: 'note', type: 'TEXT' },
    })
    expect(altered.body.columns.at(-1)).toMatchObject({ name: 'note', type: 'TEXT' })
    await g.call('PATCH', people, { action: 'renameColumn', column: 'note', to: 'memo' })
    const dropped = await g.call<TableInfo>('PATCH', people, {
      action: 'dropColumn',
      column: 'memo',
    })
    expect(dropped.body.columns.map(({ name }) => name)).not.toContain('memo')
    expect(
      await g.problem('PATCH', people, { action: 'dropColumn', column: 'nope' }),
    ).toMatchObject({ code: 'column.not_found' })
  })

  test('rows with different members are inserted together, and all or nothing', async () => {
    const inserted = await g.call<RowChanges>('POST', `${people}/rows?returning=true`, [
      { email: 'a@x' },
      { email: 'b@x', age: 24, 'quote " mark': null },
      { age: 70, email: 'c@x' },
    ])
    expect(inserted).toMatchObject({ status: 201, body: { rowsAffected: 3, lastInsertId: 3 } })
    expect(inserted.body.rows?.map((row) => [row.email, row.age, row['quote " mark']])).toEqual([
      ['a@x', 18, "it's"],
      ['b@x', 24, null],
      ['c@x', 70, "it's"],
    ])
    expect(
      await g.problem('POST', `${people}/rows`, [{ email: 'd@x' }, { email: 'a@x' }]),
    ).toMatchObject({ status: 409, code: 'sql.constraint' })
    expect(await rows('select count(*) from people')).toEqual([[3]])
  })

  test('a listing equals the same SQL', async () => {
    expect(
      await listed('age=gte.18&select=email,age&order=age.desc&limit=2&rowFormat=array'),
    ).toEqual(await rows('select email, age from people where age >= 18 order by age desc limit 2'))
    const counted = await g.call<QueryResult>('GET', `${people}/rows?limit=1&offset=1&count=exact`)
    expect(counted.headers['content-range']).toBe('1-1/3')
    expect(counted.body).toMatchObject({ rows: [{ id: 2 }], truncated: true })
  })

  test.each([
    ['age=24', [2]],
    ['email=like.A*', []],
    ['email=ilike.A*', [1]],
    ['or=(age.lt.20,age.gt.60)', [1, 3]],
    ['id=in.(1,3)&age=not.gt.60', [1]],
    ['boss=is.null&limit=2', [1, 2]],
    [`email=${encodeURIComponent(`x' or 1=1 --`)}`, []],
  ])('?%s', async (search, expected) => {
    expect((await listed(`${search}&rowFormat=array&select=id`)).flat()).toEqual(expected)
  })

  test('unknown tables, columns and operators are refused', async () => {
    expect(await g.problem('GET', '/api/db/data/tables/nope/rows')).toMatchObject({
      status: 404,
      code: 'table.not_found',
    })
    expect(await g.problem('GET', `${people}/rows?nope=1`)).toMatchObject({
      status: 400,
      code: 'column.not_found',
    })
    expect(await g.problem('GET', `${people}/rows?id=in.1`)).toMatchObject({
      status: 400,
      code: 'filter.invalid',
    })
    expect(await g.problem('POST', `${people}/rows`, { nope: 1 })).toMatchObject({
      status: 400,
      code: 'column.not_found',
    })
    expect(await g.problem('DELETE', `${people}/rows`)).toMatchObject({
      status: 400,
      code: 'filter.required',
    })
    expect(await g.problem('PATCH', `${people}/rows`, { age: 1 })).toMatchObject({
      status: 400,
      code: 'filter.required',
    })
  })

  test('rows are read, changed and deleted by filter and by key', async () => {
    expect(
      (await g.call<RowChanges>('PATCH', `${people}/rows?age=lt.30`, { age: 30 })).body
        .rowsAffected,
    ).toBe(2)
    expect((await g.call<QueryResult>('GET', `${people}/rows/2`)).body.rows).toMatchObject([
      { id: 2, age: 30 },
    ])
    expect(
      (await g.call<RowChanges>('PATCH', `${people}/rows/2?returning=true`, { age: 31 })).body,
    ).toMatchObject({ rowsAffected: 1, rows: [{ age: 31 }] })
    expect(await g.call('DELETE', `${people}/rows/2`)).toMatchObject({ status: 204 })
    expect(await g.problem('GET', `${people}/rows/2`)).toMatchObject({
      status: 404,
      code: 'row.not_found',
    })
    expect(await g.problem('DELETE', `${people}/rows/2`)).toMatchObject({ status: 404 })
    expect(await g.problem('PATCH', `${people}/rows/2`, { age: 1 })).toMatchObject({ status: 404 })
    expect((await g.call<RowChanges>('DELETE', `${people}/rows?age=gt.0`)).body.rowsAffected).toBe(
      2,
    )
  })

  test('a composite key addresses one row', async () => {
    await g.call('POST', '/api/db/data/tables', {
      name: 'pairs',
      columns: [
        { name: 'a', type: 'TEXT' },
        { name: 'b', type: 'INTEGER' },
      ],
      primaryKey: ['a', 'b'],
    })
    await g.call('POST', '/api/db/data/tables/pairs/rows', [
      { a: 'x,y', b: 1 },
      { a: 'x', b: 2 },
    ])
    const key = encodeURIComponent('"x,y",1')
    expect(
      (await g.call<QueryResult>('GET', `/api/db/data/tables/pairs/rows/${key}`)).body.rows,
    ).toEqual([{ a: 'x,y', b: 1 }])
    expect(await g.problem('GET', '/api/db/data/tables/pairs/rows/1')).toMatchObject({
      status: 400,
      code: 'row.key_invalid',
    })
  })

  test('the schema shows tables, views, keys and counts', async () => {
    await query('create view adults as select * from people where age >= 18')
    const { body } = await g.call<SchemaInfo>('GET', '/api/db/data/schema')
    const kinds = Object.fromEntries(
      body.tables.map(({ name, kind, rowCount }) => [name, [kind, rowCount]]),
    )
    expect(kinds).toMatchObject({
      people: ['table', 0],
      adults: ['view', null],
      pairs: ['table', 2],
    })
    expect(await g.call('DELETE', '/api/db/data/tables/adults')).toMatchObject({ status: 204 })
    expect(await g.call('DELETE', people)).toMatchObject({ status: 204 })
    expect(await g.problem('GET', people)).toMatchObject({ status: 404, code: 'table.not_found' })
  })

  test('a size limit stops growth with its code, and deleting still works', async () => {
    await g.call('POST', '/admin/databases/spawn/small', { maxSizeMb: 1 })
    const run = (sql: string) => g.call('POST', '/api/db/small/query', { sql })
    await run('create table t (b)')
    const answers = []
    for (let at = 0; at < 20; at += 1)
      answers.push(await run('insert into t values (randomblob(100000))'))
    expect(answers.at(-1)).toMatchObject({ status: 507, body: { code: 'quota.exceeded' } })
    expect(await run('delete from t')).toMatchObject({ status: 200 })
    expect(await run('insert into t values (1)')).toMatchObject({ status: 200 })
  })
})
