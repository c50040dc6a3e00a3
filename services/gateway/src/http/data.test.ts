import type { QueryResult } from '@db-forge/contract'
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
