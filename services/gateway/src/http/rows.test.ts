import type { QueryResult, RowChanges, SchemaInfo, TableInfo } from '@db-forge/contract'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { engineSuites } from '../testing/engine-suites.ts'
import { openTestGateway, type TestGateway } from '../testing/test-gateway.ts'

let g: TestGateway
beforeAll(async () => {
  g = await openTestGateway()
})
afterAll(() => g.destroy())

engineSuites('tables and rows', (engine) => {
  const api = `/api/db/${engine}`
  const people = `${api}/tables/people`
  beforeAll(async () => {
    const answer = await g.call('POST', `/admin/databases/spawn/${engine}`, { engine })
    expect(answer).toMatchObject({ status: 201 })
  })
  const query = (sql: string, extra: object = {}) =>
    g.call<QueryResult>('POST', `${api}/query`, { sql, ...extra })
  const rows = async (sql: string) => {
    const { status, body } = await query(sql, { rowFormat: 'array' })
    expect({ status, body }).toMatchObject({ status: 200 })
    return body.rows
  }
  const listed = async (search: string) =>
    (await g.call<QueryResult>('GET', `${people}/rows?${search}`)).body.rows

  test('a table is created, described, altered and dropped', async () => {
    const made = await g.call<TableInfo>('POST', `${api}/tables`, {
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
    const columns = [{ name: 'x' }]
    expect(await g.problem('POST', `${api}/tables`, { name: 'people', columns })).toMatchObject({
      code: 'table.exists',
    })
    const again = { name: 'people', columns, ifNotExists: true }
    expect(await g.call('POST', `${api}/tables`, again)).toMatchObject({ status: 201 })
    const altered = await g.call<TableInfo>('PATCH', people, {
      action: 'addColumn',
      column: { name: 'note', type: 'TEXT' },
    })
    expect(altered.body.columns.at(-1)).toMatchObject({
      name: 'note',
      type: expect.stringMatching(/^text$/i),
    })
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
    expect(inserted).toMatchObject({ status: 201, body: { rowsAffected: 3 } })
    expect(inserted.body.lastInsertId).toBe(engine === 'sqlite' ? 3 : undefined)
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
    ['age=eq.24', [2]],
    ['email=like.b@*', [2]],
    ['email=like._@x', [1, 2, 3]],
    [`email=like.${encodeURIComponent('_\\_x')}`, []],
    ['age=like.2*', [2]],
    ['id=in.()', []],
    ['id=not.in.()', [1, 2, 3]],
    ['boss=in.(1)', []],
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
    expect(await g.problem('GET', `${api}/tables/nope/rows`)).toMatchObject({
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
    await g.call('POST', `${api}/tables`, {
      name: 'pairs',
      columns: [
        { name: 'a', type: 'TEXT' },
        { name: 'b', type: 'INTEGER' },
      ],
      primaryKey: ['a', 'b'],
    })
    await g.call('POST', `${api}/tables/pairs/rows`, [
      { a: 'x,y', b: 1 },
      { a: 'x', b: 2 },
    ])
    const key = encodeURIComponent('"x,y",1')
    expect((await g.call<QueryResult>('GET', `${api}/tables/pairs/rows/${key}`)).body.rows).toEqual(
      [{ a: 'x,y', b: 1 }],
    )
    expect(await g.problem('GET', `${api}/tables/pairs/rows/1`)).toMatchObject({
      status: 400,
      code: 'row.key_invalid',
    })
  })

  test('the schema shows tables, views, keys and counts', async () => {
    await query('create view adults as select * from people where age >= 18')
    const { body } = await g.call<SchemaInfo>('GET', `${api}/schema`)
    const kinds = Object.fromEntries(
      body.tables.map(({ name, kind, rowCount }) => [name, [kind, rowCount]]),
    )
    expect(kinds).toMatchObject({
      people: ['table', 0],
      adults: ['view', null],
      pairs: ['table', 2],
    })
    expect(await g.call('DELETE', `${api}/tables/adults`)).toMatchObject({ status: 204 })
    expect(await g.call('DELETE', people)).toMatchObject({ status: 204 })
    expect(await g.problem('GET', people)).toMatchObject({ status: 404, code: 'table.not_found' })
  })

  test('integers of 64 bits are exact on their way in, in filters and on their way out', async () => {
    await g.call('POST', `${api}/tables`, {
      name: 'big',
      columns: [{ name: 'n', type: 'BIGINT', primaryKey: true }],
    })
    await g.call(
      'POST',
      `${api}/tables/big/rows`,
      '[{"n":9007199254740993},{"n":"-9223372036854775808"}]',
    )
    await g.call('POST', `${api}/tables/big/rows`, { n: { $integer: '9007199254740992' } })
    const found = async (search: string) =>
      (await g.call<QueryResult>('GET', `${api}/tables/big/rows${search}`)).body.rows
    expect(await found('?n=gt.9007199254740992')).toEqual([{ n: '9007199254740993' }])
    expect(await found('/9007199254740993')).toEqual([{ n: '9007199254740993' }])
    expect(await found('?order=n&limit=1')).toEqual([{ n: '-9223372036854775808' }])
  })

  test('a default is what was asked for, whatever its type', async () => {
    const long = 'x'.repeat(20)
    await g.call('POST', `${api}/tables`, {
      name: 'defaults',
      columns: [
        { name: 'id', type: 'INTEGER', primaryKey: true, autoIncrement: true },
        { name: 'yes', type: 'BOOLEAN', default: true },
        { name: 'real', type: 'DOUBLE PRECISION', default: -1.5 },
        { name: 'big', type: 'BIGINT', default: { $integer: '9007199254740993' } },
        { name: 'text', default: `it's \\ ${long}` },
        { name: 'bytes', type: engine === 'sqlite' ? 'BLOB' : 'BYTEA', default: { $blob: 'AP8=' } },
        { name: 'nothing', default: null },
      ],
    })
    const made = await g.call<RowChanges>('POST', `${api}/tables/defaults/rows?returning=true`, [
      {},
      { text: 'mine' },
      {},
    ])
    const row = {
      yes: engine === 'sqlite' ? 1 : true,
      real: -1.5,
      big: '9007199254740993',
      text: `it's \\ ${long}`,
      bytes: 'AP8=',
      nothing: null,
    }
    expect(made.body.rows).toEqual([
      { id: 1, ...row },
      { id: 2, ...row, text: 'mine' },
      { id: 3, ...row },
    ])
    const key = encodeURIComponent('{"$blob":"AP8="}')
    const search = `bytes=eq.${key}&yes=is.true&count=exact&limit=0`
    const counted = await g.call('GET', `${api}/tables/defaults/rows?${search}`)
    expect(counted.headers['content-range']).toBe('*/3')
  })

  test('lists and objects are stored as JSON text, whose integers keep their digits', async () => {
    const type = engine === 'sqlite' ? 'TEXT' : 'JSON'
    await g.call('POST', `${api}/tables`, { name: 'docs', columns: [{ name: 'doc', type }] })
    const docs = '[{"doc":{"a":[1,null,"x"]}},{"doc":[]},{"doc":{"n":9007199254740993}}]'
    const { status, body } = await g.call<RowChanges>(
      'POST',
      `${api}/tables/docs/rows?returning=true`,
      docs,
    )
    expect(status).toBe(201)
    expect(body.rows?.map((row) => row['doc'])).toEqual([
      '{"a":[1,null,"x"]}',
      '[]',
      '{"n":9007199254740993}',
    ])
    expect(
      await g.problem('POST', `${api}/tables/docs/rows`, { doc: { $blob: 'no base64' } }),
    ).toMatchObject({ code: 'request.invalid' })
  })

  test('more values than one statement binds go in together', async () => {
    await g.call('POST', `${api}/tables`, {
      name: 'many',
      columns: 'abcdefg'.split('').map((name) => ({ name, type: 'INTEGER' })),
    })
    const many = Array.from({ length: 10_000 }, (_, a) => ({
      a,
      b: 1,
      c: 2,
      d: 3,
      e: 4,
      f: 5,
      g: 6,
    }))
    expect(await g.call('POST', `${api}/tables/many/rows`, many)).toMatchObject({
      status: 201,
      body: { rowsAffected: 10_000 },
    })
    const answer = await g.call('GET', `${api}/tables/many/rows?limit=1&count=exact`)
    expect(answer.headers['content-range']).toBe('0-0/10000')
  })

  test('names are never more than names', async () => {
    const name = `x"; drop table pairs; -- $1 ? ü`
    const table = `${api}/tables/${encodeURIComponent(name)}`
    const made = await g.call<TableInfo>('POST', `${api}/tables`, {
      name,
      columns: [{ name: `a"'b`, type: 'INTEGER', primaryKey: true }, { name: 'c.d' }],
      indexes: [{ columns: [`a"'b`, 'c.d'] }],
    })
    expect(made).toMatchObject({ status: 201, body: { name, primaryKey: [`a"'b`] } })
    await g.call('POST', `${table}/rows`, [{ [`a"'b`]: 1, 'c.d': 'x' }])
    const search = `or=${encodeURIComponent(`("c.d".eq.x)`)}&order=c.d.desc`
    expect((await g.call<QueryResult>('GET', `${table}/rows?${search}`)).body.rows).toEqual([
      { [`a"'b`]: 1, 'c.d': 'x' },
    ])
    const renamed = await g.call<TableInfo>('PATCH', table, { action: 'renameTable', to: 'plain' })
    expect(renamed.body.name).toBe('plain')
    expect(await g.call('DELETE', `${api}/tables/plain`)).toMatchObject({ status: 204 })
    expect(await g.problem('GET', `${api}/tables/a%00b/rows`)).toMatchObject({
      code: 'table.not_found',
    })
  })

  test('what SQL refuses is refused with its words, and is no failure of ours', async () => {
    await query('create table base (id integer primary key, v integer)')
    await query('create view joined as select count(*) as n from base')
    await query('create table made (a integer, b integer generated always as (a + 1) stored)')
    const answers = [
      await g.call('POST', `${api}/tables/joined/rows`, { n: 1 }),
      await g.call('PATCH', `${api}/tables/joined/rows?n=eq.0`, { n: 1 }),
      await g.call('DELETE', `${api}/tables/joined/rows?n=eq.0`),
      await g.call('POST', `${api}/tables/made/rows`, { a: 1, b: 1 }),
      await g.call('PATCH', `${api}/tables/base`, {
        action: 'addColumn',
        column: { name: 'v', type: 'INTEGER' },
      }),
      await g.call('PATCH', `${api}/tables/base`, {
        action: 'addColumn',
        column: { name: 'w', type: 'no such[type' },
      }),
      await g.call('GET', `${api}/tables/base/rows/1`),
    ]
    expect(answers.map(({ status, body }) => [status, body.code])).toEqual([
      [400, 'sql.error'],
      [400, 'sql.error'],
      [400, 'sql.error'],
      [400, 'sql.error'],
      [400, 'sql.error'],
      [400, 'request.invalid'],
      [404, 'row.not_found'],
    ])
    expect((await g.call<QueryResult>('GET', `${api}/tables/joined/rows`)).body.rows).toEqual([
      { n: 0 },
    ])
  })
})
