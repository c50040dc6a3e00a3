import { setTimeout as sleep } from 'node:timers/promises'
import type { Problem, QueryResult, RunningQuery, Transaction } from '@db-forge/contract'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { openTestGateway, type TestGateway } from '../testing/test-gateway.ts'

const ENDLESS =
  'with recursive c(n) as (select 1 union all select n + 1 from c) select count(*) from c'

let g: TestGateway
beforeAll(async () => {
  g = await openTestGateway()
  await g.call('POST', '/admin/databases/spawn/t')
  await query('create table t (x integer primary key)')
})
beforeEach(async () => {
  await query('delete from t')
})
afterAll(() => g.destroy())

const ROOT = '/api/db/t/transactions'
const query = (sql: string, extra: object = {}) =>
  g.call<QueryResult & Problem>('POST', '/api/db/t/query', { sql, ...extra })
const begin = async (body?: object) => {
  const answer = await g.call<Transaction>('POST', ROOT, body)
  expect(answer).toMatchObject({ status: 201 })
  return answer.body
}
const within = (id: string, sql: string, extra: object = {}) =>
  g.call<QueryResult & Problem>('POST', `${ROOT}/${id}/query`, { sql, ...extra })
const commit = (id: string) => g.call('POST', `${ROOT}/${id}/commit`)
const rollback = (id: string) => g.call('POST', `${ROOT}/${id}/rollback`)
const open = async () => (await g.call<{ items: Transaction[] }>('GET', ROOT)).body.items
const count = async () => (await query('select count(*) as n from t')).body.rows as [{ n: number }]
const ended = (detail: string) => ({
  status: 409,
  body: { code: 'transaction.ended', detail: expect.stringContaining(detail) },
})

describe('a transaction', () => {
  test('is seen by nobody until its commit', async () => {
    const { id, mode, expiresAt, startedAt, idleTimeoutMs } = await begin()
    expect([mode, idleTimeoutMs]).toEqual(['write', 5000])
    expect(Date.parse(expiresAt) - Date.parse(startedAt)).toBe(60_000)
    expect(await within(id, 'insert into t values (1)')).toMatchObject({ status: 200 })
    expect((await within(id, 'select count(*) as n from t')).body.rows).toEqual([{ n: 1 }])
    expect(await count()).toEqual([{ n: 0 }])
    expect(await open()).toMatchObject([{ id }])
    expect(await commit(id)).toMatchObject({ status: 204 })
    expect(await count()).toEqual([{ n: 1 }])
    expect(await open()).toEqual([])
    expect(await within(id, 'select 1')).toMatchObject(ended('committed'))
    expect(await rollback(id)).toMatchObject(ended('committed'))
  })

  test('that is rolled back leaves nothing', async () => {
    const { id } = await begin()
    await within(id, 'insert into t values (1)')
    expect(await rollback(id)).toMatchObject({ status: 204 })
    expect(await count()).toEqual([{ n: 0 }])
    expect(await commit(id)).toMatchObject(ended('rolled back'))
  })

  test('goes on after a statement that failed', async () => {
    const { id } = await begin()
    await within(id, 'insert into t values (1)')
    expect(await within(id, 'insert into t values (2), (1)')).toMatchObject({ status: 409 })
    expect(await within(id, 'insert into t values (3)')).toMatchObject({ status: 200 })
    expect(await commit(id)).toMatchObject({ status: 204 })
    expect((await query('select x from t', { rowFormat: 'array' })).body.rows).toEqual([[1], [3]])
  })

  test('that reads keeps its snapshot, and may not write', async () => {
    await query('insert into t values (1)')
    const { id } = await begin({ mode: 'read' })
    await query('insert into t values (2)')
    expect((await within(id, 'select count(*) as n from t')).body.rows).toEqual([{ n: 1 }])
    expect(await within(id, 'insert into t values (3)')).toMatchObject({
      status: 403,
      body: { code: 'sql.denied' },
    })
    expect(await commit(id)).toMatchObject({ status: 204 })
    expect(await count()).toEqual([{ n: 2 }])
  })

  test('that is left alone is rolled back and says so', async () => {
    const { id } = await begin({ idleTimeoutMs: 200 })
    await within(id, 'insert into t values (1)')
    await sleep(700)
    expect(await open()).toEqual([])
    expect(await within(id, 'select 1')).toMatchObject(ended('200 ms'))
    expect(await commit(id)).toMatchObject(ended('200 ms'))
    expect(await count()).toEqual([{ n: 0 }])
  })

  test('that takes too long in all is rolled back though it is busy', async () => {
    const { id } = await begin({ timeoutMs: 500, idleTimeoutMs: 400 })
    await within(id, 'insert into t values (1)')
    await vi.waitFor(async () => expect((await within(id, 'select 1')).status).toBe(409))
    expect(await within(id, 'select 1')).toMatchObject(ended('time limit'))
    expect(await count()).toEqual([{ n: 0 }])
  })

  test('that writes lets reads go on; another writer waits for it or is told that it is busy', async () => {
    const { id } = await begin({ idleTimeoutMs: 20_000 })
    await within(id, 'insert into t values (1)')
    expect(await count()).toEqual([{ n: 0 }])
    const patient = query('insert into t values (2)')
    const hasty = await query('insert into t values (3)', { timeoutMs: 300 })
    expect(hasty).toMatchObject({ status: 503, body: { code: 'database.busy' } })
    expect(hasty.headers['retry-after']).toBe('1')
    expect(await commit(id)).toMatchObject({ status: 204 })
    expect(await patient).toMatchObject({ status: 200 })
    expect(await count()).toEqual([{ n: 2 }])
  })

  test('lists and cancels what runs in it', async () => {
    const { id } = await begin({ mode: 'read' })
    const slow = within(id, ENDLESS, { queryId: 'inside' })
    const list = () => g.call<{ items: RunningQuery[] }>('GET', '/api/db/t/queries')
    await vi.waitFor(async () =>
      expect((await list()).body.items).toMatchObject([{ id: 'inside', transaction: id }]),
    )
    await sleep(50)
    expect(await g.call('DELETE', '/api/db/t/queries/inside')).toMatchObject({ status: 204 })
    expect(await slow).toMatchObject({ status: 409, body: { code: 'query.cancelled' } })
    await rollback(id)
  })

  test('of another database or of nobody is not found', async () => {
    const { id } = await begin({ mode: 'read' })
    await g.call('POST', '/admin/databases/spawn/other')
    expect(
      await g.problem('POST', `/api/db/other/transactions/${id}/query`, { sql: 'select 1' }),
    ).toMatchObject({ status: 404, code: 'transaction.not_found' })
    expect(await commit(`tx_${'x'.repeat(24)}`)).toMatchObject({
      status: 404,
      body: { code: 'transaction.not_found' },
    })
    expect(await commit('nonsense')).toMatchObject({ status: 400 })
    await rollback(id)
  })

  test('whose caller goes away before it has begun does not hold others up', async () => {
    const first = await begin({ idleTimeoutMs: 20_000 })
    const closing = new AbortController()
    const second = g.fetch('POST', ROOT, { idleTimeoutMs: 60_000 }, { signal: closing.signal })
    const failed = expect(second).rejects.toThrow()
    await sleep(100)
    closing.abort()
    await failed
    await commit(first.id)
    expect(await query('insert into t values (9)')).toMatchObject({ status: 200 })
    expect(await open()).toEqual([])
  })

  test('ends with its worker', async () => {
    const { id } = await begin()
    await within(id, 'insert into t values (1)')
    process.kill(await g.workerPid('t'), 'SIGKILL')
    await vi.waitFor(async () => expect(await open()).toEqual([]))
    expect(await within(id, 'select 1')).toMatchObject(ended('restarted'))
    expect(await count()).toEqual([{ n: 0 }])
    expect(await query('insert into t values (1)')).toMatchObject({ status: 200 })
  })
})
