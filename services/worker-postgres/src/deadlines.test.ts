import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { failure } from './testing/failure.ts'
import { sharedWorker } from './testing/shared-worker.ts'
import { unavailable } from './testing/worker-process.ts'

const TRAP = `do $$ begin
  loop begin perform pg_sleep(10); exception when query_canceled then null; end; end loop;
end $$`
/** Cannot be seen by a cancel at all while it computes. */
const BUSY_TRAP = `do $$ declare i bigint := 0; begin
  loop begin loop i := i + 1; end loop; exception when query_canceled then null; end; end loop;
end $$`
const RUNNING =
  "select count(*) from pg_stat_activity where state = 'active' and pid <> pg_backend_pid() and usename = 'owner_session'"

describe.skipIf(unavailable())('deadlines and cancelling', () => {
  const db = sharedWorker()

  test.each([
    ['a sleep', 'select pg_sleep(30)'],
    ['a loop that traps its cancellation', TRAP],
    ['a busy loop that traps its cancellation', BUSY_TRAP],
    [
      'one that has switched its own limit off',
      "select set_config('statement_timeout', '0', false), pg_sleep(30)",
    ],
    [
      'an endless query',
      'with recursive r(n) as (select 1 union all select n + 1 from r) select count(*) from r',
    ],
  ])('%s is gone 1.5 s after its deadline', async (_, sql) => {
    const started = performance.now()
    expect((await failure(db.link.query(sql, [], { timeoutMs: 300 }))).code).toBe('query.timeout')
    expect(performance.now() - started).toBeLessThan(1800)
    expect(await db.value(RUNNING)).toBe(0)
  })

  test('a query is cancelled by either socket, and no other is', async () => {
    const other = db.link.query('select pg_sleep(0.6), 7 as other')
    const first = db.link.query('select pg_sleep(30)')
    const second = db.link.query('select pg_sleep(30)')
    const codes = Promise.all([failure(first), failure(second)])
    await sleep(100)
    db.link.cancel(first.id)
    expect(await db.control.cancelRunning(db.link, second.id)).toEqual({ begun: true })
    expect((await codes).map(({ code }) => code)).toEqual(['query.cancelled', 'query.cancelled'])
    expect((await other).rows).toMatchObject([{ other: 7 }])
  })

  test('cancels that come late hit nobody', async () => {
    for (let round = 0; round < 40; round += 1) {
      const asked = db.link.query('select pg_sleep(0.002)')
      const settled = asked.then(
        () => 'answered',
        () => 'cancelled',
      )
      await sleep(round % 5)
      db.link.cancel(asked.id)
      await settled
      expect(await db.value('select 1')).toBe(1)
    }
  })

  test('more requests than connections wait, and one that waits can be cancelled', async () => {
    const many = Array.from({ length: 12 }, () => db.link.query('select pg_sleep(0.4)'))
    const waits = db.link.query('select 1')
    db.link.cancel(waits.id)
    expect((await failure(waits)).code).toBe('query.cancelled')
    expect((await Promise.all(many)).length).toBe(12)
  })

  test('the control socket answers while everything is busy', async () => {
    const busy = Array.from({ length: 10 }, () => db.link.query('select pg_sleep(0.5)'))
    await sleep(100)
    const health = await db.control.health()
    expect(health.lanes[0]?.busyMs).toBeGreaterThan(50)
    expect(health.memoryBytes).toBeGreaterThan(10e6)
    expect(health.diskBytes).toBeGreaterThan(10e6)
    await Promise.all(busy)
    expect((await db.control.health()).lanes).toEqual([{ lane: 0, busyMs: null }])
  })

  test('what a client leaves behind is ended with its connection', async () => {
    const leaving = await db.worker.sql()
    const abandoned = leaving.query(BUSY_TRAP)
    abandoned.catch(() => undefined)
    await sleep(100)
    leaving.close()
    await expect.poll(() => db.value(RUNNING), { timeout: 3000 }).toBe(0)
  })
})
