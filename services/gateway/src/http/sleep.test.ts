import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Database, PlatformStats } from '@db-forge/contract'
import { afterEach, describe, expect, test } from 'vitest'
import { openTestGateway, type TestGateway } from '../testing/test-gateway.ts'

let g: TestGateway
afterEach(() => g.destroy())

const spawn = (name: string, body?: object) =>
  g.call<Database>('POST', `/admin/databases/spawn/${name}`, body)
const sql = (name: string, text: string, more: object = {}) =>
  g.call<{ rows: object[] }>('POST', `/api/db/${name}/query`, { sql: text, ...more })
const stateOf = async (name: string) =>
  (await g.call<Database>('GET', `/admin/databases/${name}`)).body.state
const falls = (name: string) =>
  expect.poll(() => stateOf(name), { timeout: 10_000, interval: 50 }).toBe('asleep')

const ENDLESS =
  'with recursive c(n) as (select 1 union all select n + 1 from c) select count(*) from c'

describe('sleep', () => {
  test('comes when nobody asks anything, and ends with the next query', async () => {
    g = await openTestGateway()
    await spawn('dozy', { sleepAfterMs: 1000 })
    await spawn('awake', { sleepAfterMs: 0 })
    await sql('dozy', 'create table t (x)')
    await falls('dozy')
    // What the platform asks does not count.
    await g.call('GET', '/admin/databases/dozy/stats')
    expect(await stateOf('dozy')).toBe('asleep')
    expect(await readdir(join(g.config.dataDir, 'workers'))).toHaveLength(1)
    expect(await sql('dozy', 'select count(*) as n from t')).toMatchObject({
      status: 200,
      body: { rows: [{ n: 0 }] },
    })
    expect(await stateOf('dozy')).toBe('running')
    expect(await stateOf('awake')).toBe('running')
  })

  test('does not come while a query runs or a transaction is open', async () => {
    g = await openTestGateway({ DBFORGE_SLEEP_AFTER_SECONDS: '1' })
    await spawn('busy')
    const running = sql('busy', ENDLESS, { timeoutMs: 3000 })
    await wait(2500)
    expect(await stateOf('busy')).toBe('running')
    expect(await running).toMatchObject({ body: { code: 'query.timeout' } })
    const { body } = await g.call<{ id: string }>('POST', '/api/db/busy/transactions', {
      mode: 'write',
      idleTimeoutMs: 60_000,
    })
    await wait(2500)
    const path = `/api/db/busy/transactions/${body.id}`
    expect(await g.call('POST', `${path}/query`, { sql: 'create table t (x)' })).toMatchObject({
      status: 200,
    })
    expect(await g.call('POST', `${path}/commit`)).toMatchObject({ status: 204 })
    await falls('busy')
    expect(await sql('busy', 'select count(*) as n from t')).toMatchObject({ status: 200 })
  })

  test('can be asked for, outlives the gateway, and gives way to a stop', async () => {
    g = await openTestGateway()
    await spawn('told')
    expect(await g.call('POST', '/admin/databases/told/sleep')).toMatchObject({
      status: 200,
      body: { state: 'asleep', desired: 'asleep' },
    })
    g = await g.reopen()
    await wait(500)
    expect(await stateOf('told')).toBe('asleep')
    expect(await g.call('POST', '/admin/databases/told/stop')).toMatchObject({
      body: { state: 'stopped' },
    })
    expect(await sql('told', 'select 1')).toMatchObject({ status: 409 })
    expect(await g.call('POST', '/admin/databases/told/sleep')).toMatchObject({ status: 409 })
    expect(await g.call('POST', '/admin/databases/told/start')).toMatchObject({
      body: { state: 'running' },
    })
  })

  test('a crowd that wakes many at once is answered, each of it', async () => {
    g = await openTestGateway()
    const names = Array.from({ length: 12 }, (_, at) => `crowd${at}`)
    await Promise.all(names.map((name) => spawn(name)))
    await Promise.all(names.map((name) => g.call('POST', `/admin/databases/${name}/sleep`)))
    const asked = [...names, ...names].map((name) => sql(name, 'select 1 as one'))
    expect((await Promise.all(asked)).map(({ status }) => status)).toEqual(asked.map(() => 200))
  })

  test('where no more may run, the one that has been idle for longest makes room', async () => {
    g = await openTestGateway({ DBFORGE_RUNNING_MAX: '2' })
    await spawn('oldest')
    await spawn('older')
    await wait(1100)
    await sql('older', 'select 1')
    expect(await spawn('newest')).toMatchObject({ status: 201 })
    expect(await stateOf('oldest')).toBe('asleep')
    expect(await stateOf('older')).toBe('running')
    const asked = ['older', 'newest'].map((name) => sql(name, ENDLESS, { timeoutMs: 2500 }))
    await wait(1200)
    expect(await sql('oldest', 'select 1')).toMatchObject({
      status: 503,
      headers: { 'retry-after': '5' },
      body: { code: 'platform.full' },
    })
    expect(await stateOf('oldest')).toBe('asleep')
    await Promise.all(asked)
    await wait(1100)
    expect(await sql('oldest', 'select 1')).toMatchObject({ status: 200 })
  })
})

describe('the warm pool', () => {
  const ready = async () => {
    const { body } = await g.call<PlatformStats>('GET', '/admin/stats')
    return body.pool.sqlite.ready
  }
  const filled = (count: number) => expect.poll(ready, { timeout: 15_000 }).toBe(count)

  test('gives its workers to databases that want no other limits, and is filled again', async () => {
    g = await openTestGateway({ DBFORGE_POOL_SQLITE: '2' })
    await filled(2)
    const slots = await readdir(join(g.config.dataDir, 'databases'))
    const answers = await Promise.all(['a', 'b', 'c'].map((name) => spawn(name)))
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201])
    const ids = answers.map(({ body }) => body.id)
    expect(ids.filter((id) => slots.includes(id))).toHaveLength(2)
    expect(await sql('a', 'create table t (x)')).toMatchObject({ status: 200 })
    const other = await spawn('other', { memoryMb: 96 })
    expect(other).toMatchObject({ status: 201, body: { limits: { memoryMb: 96 } } })
    await filled(2)
  })

  test('a taken name gives the worker back', async () => {
    g = await openTestGateway({ DBFORGE_POOL_SQLITE: '1' })
    await filled(1)
    const answers = await Promise.all(Array.from({ length: 10 }, () => spawn('one')))
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1)
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1)
    await filled(1)
    expect(await readdir(join(g.config.dataDir, 'databases'))).toHaveLength(2)
  })

  test('a worker that dies in it is replaced; those of the gateway before are taken over or removed', async () => {
    g = await openTestGateway({ DBFORGE_POOL_SQLITE: '1' })
    await filled(1)
    const [first] = await readdir(join(g.config.dataDir, 'databases'))
    const record = join(g.config.dataDir, 'workers', `${first}.json`)
    const { pid } = JSON.parse(await readFile(record, 'utf8'))
    process.kill(pid, 'SIGKILL')
    await expect
      .poll(async () => readdir(join(g.config.dataDir, 'databases')), { timeout: 15_000 })
      .not.toContain(first)
    await filled(1)
    g = await g.reopen()
    await filled(1)
    expect(await readdir(join(g.config.dataDir, 'databases'))).toHaveLength(1)
  })
})
