import { setTimeout as sleep } from 'node:timers/promises'
import type { Problem, QueryResult, RunningQuery } from '@db-forge/contract'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { openTestGateway, type TestGateway } from '../testing/test-gateway.ts'

const ENDLESS =
  'with recursive c(n) as (select 1 union all select n + 1 from c) select count(*) from c'
const ENDLESS_WRITE = `insert into t with recursive c(n) as (select 1 union all select n + 1 from c)
  select count(*) from c`

let g: TestGateway
beforeAll(async () => {
  g = await openTestGateway()
  await g.call('POST', '/admin/databases/spawn/q')
  await query('create table t (x)')
})
beforeEach(async () => {
  for (const { id } of await list()) await cancel(id)
  await query('delete from t')
})
afterAll(() => g.destroy())

const query = (sql: string, extra: object = {}) =>
  g.call<QueryResult & Problem>('POST', '/api/db/q/query', { sql, ...extra })
const list = async () =>
  (await g.call<{ items: RunningQuery[] }>('GET', '/api/db/q/queries')).body.items
const cancel = (id: string) => g.call('DELETE', `/api/db/q/queries/${id}`)
const cancelled = { status: 409, body: { code: 'query.cancelled' } }

/** Resolves once the worker has had the time to begin it. */
async function running(id: string): Promise<RunningQuery> {
  await vi.waitFor(async () => expect((await list()).map((item) => item.id)).toContain(id))
  await sleep(50)
  return (await list()).find((item) => item.id === id) as RunningQuery
}

describe('what runs', () => {
  test('is listed with its id, text, age and who asked, and nothing else is', async () => {
    const slow = query(ENDLESS, { queryId: 'mine', timeoutMs: 20_000 })
    expect(await running('mine')).toMatchObject({
      id: 'mine',
      sql: ENDLESS,
      kind: 'query',
      timeoutMs: 20_000,
      by: 'admin token',
      transaction: null,
      rows: 0,
      cancelling: false,
    })
    const [item] = await list()
    expect(item?.elapsedMs).toBeGreaterThan(40)
    expect(Math.abs(Date.now() - Date.parse(item?.startedAt ?? ''))).toBeLessThan(10_000)
    expect((await g.call('GET', '/metrics')).body).toMatch(/dbforge_running_queries 1\n/)
    await cancel('mine')
    expect(await slow).toMatchObject(cancelled)
    expect(await list()).toEqual([])
  })

  test('bears the id of its request unless the caller names it, and the answer says which', async () => {
    const plain = await query('select 1')
    expect(plain.headers['x-query-id']).toBe(plain.headers['x-request-id'])
    const named = await query('select 1', { queryId: 'a-b_C9' })
    expect(named.headers['x-query-id']).toBe('a-b_C9')
    expect((await query('nonsense', { queryId: 'bad' })).headers['x-query-id']).toBe('bad')
    expect(await query('select 1', { queryId: 'no/slash' })).toMatchObject({ status: 400 })
  })

  test('keeps its id to itself', async () => {
    const slow = query(ENDLESS, { queryId: 'twice' })
    await running('twice')
    expect(await query('select 1', { queryId: 'twice' })).toMatchObject({
      status: 409,
      body: { code: 'query.conflict' },
    })
    await cancel('twice')
    expect(await slow).toMatchObject(cancelled)
    expect(await query('select 1', { queryId: 'twice' })).toMatchObject({ status: 200 })
  })

  test('is shown short however long its text is', async () => {
    const slow = query(`${ENDLESS} -- ${'x'.repeat(100_000)}`, { queryId: 'long' })
    expect((await running('long')).sql).toHaveLength(1000)
    await cancel('long')
    await slow
  })
})

describe('cancelling', () => {
  test('ends that query alone, and the database answers at once', async () => {
    const slow = query(ENDLESS, { queryId: 'slow' })
    const other = query(ENDLESS, { queryId: 'other' })
    await running('slow')
    expect(await cancel('slow')).toMatchObject({ status: 204 })
    expect(await slow).toMatchObject(cancelled)
    expect(await query('select 1 as one')).toMatchObject({ status: 200 })
    expect((await list()).map(({ id }) => id)).toEqual(['other'])
    await cancel('other')
    expect(await other).toMatchObject(cancelled)
  })

  test('two at once of the same query both succeed; one too late is told', async () => {
    const slow = query(ENDLESS, { queryId: 'both' })
    await running('both')
    const answers = await Promise.all([cancel('both'), cancel('both')])
    expect(answers.map(({ status }) => status)).toEqual([204, 204])
    expect(await slow).toMatchObject(cancelled)
    expect(await cancel('both')).toMatchObject({
      status: 404,
      body: { code: 'query.not_found' },
    })
  })

  test('a write that waits behind another is never begun', async () => {
    const first = query(ENDLESS_WRITE, { queryId: 'first' })
    await running('first')
    const second = query('insert into t values (2)', { queryId: 'second' })
    await running('second')
    expect(await cancel('second')).toMatchObject({ status: 204 })
    expect(await second).toMatchObject(cancelled)
    expect((await list()).map(({ id }) => id)).toEqual(['first'])
    await cancel('first')
    expect(await first).toMatchObject(cancelled)
    expect((await query('select count(*) as n from t')).body.rows).toEqual([{ n: 0 }])
  })

  test('an interrupted write leaves nothing behind, and the next is taken', async () => {
    const slow = query(ENDLESS_WRITE, { queryId: 'write' })
    await running('write')
    await cancel('write')
    expect(await slow).toMatchObject(cancelled)
    expect(await query('insert into t values (1)')).toMatchObject({ status: 200 })
    expect((await query('select x from t')).body.rows).toEqual([{ x: 1 }])
  })

  test('a batch ends as a whole', async () => {
    const statements = [{ sql: 'insert into t values (1)' }, { sql: ENDLESS_WRITE }]
    const batch = g.call('POST', '/api/db/q/batch', { statements, queryId: 'batch' })
    expect(await running('batch')).toMatchObject({ kind: 'batch', sql: statements[0]?.sql })
    await cancel('batch')
    expect(await batch).toMatchObject(cancelled)
    expect((await query('select count(*) as n from t')).body.rows).toEqual([{ n: 0 }])
  })

  test('closing the request cancels what it asked for', async () => {
    const closing = new AbortController()
    const request = g.fetch(
      'POST',
      '/api/db/q/query',
      { sql: ENDLESS_WRITE, queryId: 'closed' },
      { signal: closing.signal },
    )
    const failed = expect(request).rejects.toThrow()
    await running('closed')
    closing.abort()
    await failed
    await vi.waitFor(async () => expect(await list()).toEqual([]))
    expect(await query('insert into t values (1)')).toMatchObject({ status: 200 })
  })

  test('an unknown query is not found, in an unknown database neither', async () => {
    expect(await cancel('never')).toMatchObject({ status: 404, body: { code: 'query.not_found' } })
    expect(await g.problem('DELETE', '/api/db/none/queries/x')).toMatchObject({
      code: 'database.not_found',
    })
    expect(await g.problem('GET', '/api/db/none/queries')).toMatchObject({
      code: 'database.not_found',
    })
  })
})

describe('deadlines', () => {
  test('end a query that runs, and one that waits is not run at all', async () => {
    const slow = query(ENDLESS_WRITE, { timeoutMs: 600, queryId: 'slow' })
    await running('slow')
    const waiting = query('insert into t values (1)', { timeoutMs: 100 })
    expect(await waiting).toMatchObject({ status: 504, body: { code: 'query.timeout' } })
    expect(await slow).toMatchObject({ status: 504, body: { code: 'query.timeout' } })
    expect((await query('select count(*) as n from t')).body.rows).toEqual([{ n: 0 }])
  })

  test('more rows than a JSON text should hold are asked for as a stream', async () => {
    const { body } = await query('select 1', { maxRows: 100_001 })
    expect(body).toMatchObject({ code: 'request.invalid', errors: [{ pointer: '#/maxRows' }] })
  })
})

describe('long reads', () => {
  test('stop neither short reads nor writes', async () => {
    const slow = query(ENDLESS, { queryId: 'long' })
    await running('long')
    for (let n = 0; n < 20; n++) {
      expect(await query('insert into t values (?)', { params: [n] })).toMatchObject({
        status: 200,
      })
      expect((await query('select count(*) as n from t')).body.rows).toEqual([{ n: n + 1 }])
    }
    await cancel('long')
    expect(await slow).toMatchObject(cancelled)
  })

  test('more of them than there is room for leave writes untouched, and reads are told', async () => {
    const ids = Array.from({ length: 12 }, (_, n) => `full-${n}`)
    const slow = ids.map((queryId) => query(ENDLESS, { queryId }))
    await running('full-11')
    expect(await query('insert into t values (1)')).toMatchObject({ status: 200 })
    const answer = await query('select 1', { timeoutMs: 1000 })
    expect(answer).toMatchObject({ status: 503, body: { code: 'database.busy' } })
    expect(answer.headers['retry-after']).toBe('1')
    await Promise.all(ids.map(cancel))
    await Promise.all(slow)
    expect(await query('select 1')).toMatchObject({ status: 200 })
  })
})

test('batch: `read` sees one snapshot and may not write, `none` keeps what came before a failure', async () => {
  const batch = (transaction: string, ...statements: string[]) =>
    g.call<{ results: QueryResult[]; code: string; statement: number }>('POST', '/api/db/q/batch', {
      transaction,
      statements: statements.map((sql) => ({ sql })),
    })
  expect((await batch('read', 'select 1', 'select 2')).body.results).toHaveLength(2)
  expect(await batch('read', 'select 1', 'insert into t values (1)')).toMatchObject({
    status: 403,
    body: { code: 'sql.denied', statement: 1 },
  })
  expect(await batch('write', 'insert into t values (1)', 'nonsense')).toMatchObject({
    status: 400,
  })
  expect((await query('select count(*) as n from t')).body.rows).toEqual([{ n: 0 }])
  expect(await batch('none', 'insert into t values (1)', 'nonsense')).toMatchObject({
    status: 400,
    body: { statement: 1 },
  })
  expect((await query('select count(*) as n from t')).body.rows).toEqual([{ n: 1 }])
})
