import type { Problem, QueryResult } from '@db-forge/contract'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { openTestGateway, type TestGateway } from '../testing/test-gateway.ts'

const PATIENCE = { timeout: 40_000, interval: 200 }

let g: TestGateway
beforeAll(async () => {
  g = await openTestGateway()
  await g.call('POST', '/admin/databases/spawn/frozen')
  await g.call('POST', '/admin/databases/spawn/neighbour')
  await query('frozen', 'create table t (x)')
})
afterAll(() => g.destroy())

const query = (name: string, sql: string, extra: object = {}) =>
  g.call<QueryResult & Problem>('POST', `/api/db/${name}/query`, { sql, ...extra })
const freeze = async () => {
  const pid = await g.workerPid('frozen')
  process.kill(pid, 'SIGSTOP')
  return pid
}
const openCircuits = async () =>
  Number(/^dbforge_open_circuits (\d+)$/m.exec((await g.call<string>('GET', '/metrics')).body)?.[1])

describe('a worker that stands still', () => {
  test('is noticed by deadline; its circuit opens, and closes when it moves again', async () => {
    const pid = await freeze()
    const late = await Promise.all(
      Array.from({ length: 5 }, () => query('frozen', 'select 1', { timeoutMs: 100 })),
    )
    for (const { body } of late) expect(['query.timeout', 'database.busy']).toContain(body.code)
    await vi.waitFor(async () => expect(await openCircuits()).toBe(1), PATIENCE)
    const refused = await query('frozen', 'select 1')
    expect(refused).toMatchObject({ status: 502, body: { code: 'worker.unreachable' } })
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0)
    expect(await query('neighbour', 'select 1')).toMatchObject({ status: 200 })
    process.kill(pid, 'SIGCONT')
    await vi.waitFor(async () => {
      expect(await query('frozen', 'select 1')).toMatchObject({ status: 200 })
    }, PATIENCE)
    expect(await openCircuits()).toBe(0)
    expect(await g.workerPid('frozen')).toBe(pid)
  })

  test('and goes on standing still is replaced', { timeout: 60_000 }, async () => {
    await query('frozen', 'insert into t values (1)')
    const pid = await freeze()
    await Promise.all(
      Array.from({ length: 5 }, () => query('frozen', 'select 1', { timeoutMs: 100 })),
    )
    await vi.waitFor(async () => {
      const answer = await query('frozen', 'select x from t', { timeoutMs: 5000 })
      expect(answer.body.rows).toEqual([{ x: 1 }])
    }, PATIENCE)
    expect(await g.workerPid('frozen')).not.toBe(pid)
    expect(g.log()).toContain('no sign of life')
  })
})

test('whatever was under way when a worker died is told so, and the next query is answered', async () => {
  const endless =
    'with recursive c(n) as (select 1 union all select n + 1 from c) select count(*) from c'
  const under = Array.from({ length: 8 }, (_, n) =>
    query('frozen', n % 2 ? endless : `insert into t ${endless}`),
  )
  await vi.waitFor(async () => {
    const { body } = await g.call<{ items: object[] }>('GET', '/api/db/frozen/queries')
    expect(body.items).toHaveLength(8)
  })
  process.kill(await g.workerPid('frozen'), 'SIGKILL')
  for (const answer of await Promise.all(under))
    expect(answer).toMatchObject({ status: 502, body: { code: 'worker.restarted' } })
  expect(await query('frozen', 'select count(*) as n from t')).toMatchObject({ status: 200 })
  expect(await query('neighbour', 'select 1')).toMatchObject({ status: 200 })
})
