import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Database, DatabaseStats, LogLine } from '@db-forge/contract'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { composeGateway } from '../compose.ts'
import { DataLockedError } from '../store/data-lock.ts'
import { openTestGateway, type TestGateway } from '../testing/test-gateway.ts'

let g: TestGateway
beforeAll(async () => {
  g = await openTestGateway()
})
afterAll(() => g.destroy())

const spawn = (name: string, body?: object) =>
  g.call<Database>('POST', `/admin/databases/spawn/${name}`, body)
const sql = (name: string, text: string) =>
  g.call<{ rows: object[] }>('POST', `/api/db/${name}/query`, { sql: text })
const folders = () => readdir(join(g.config.dataDir, 'databases'))

describe('the life of a database', () => {
  test('spawn makes it, spawn again finds it, other options conflict', async () => {
    const made = await spawn('Shop', { maxSizeMb: 50 })
    expect(made).toMatchObject({
      status: 201,
      body: { name: 'Shop', state: 'running', limits: { maxSizeMb: 50, memoryMb: 128 } },
    })
    expect(await spawn('shop')).toMatchObject({ status: 200, body: { id: made.body.id } })
    expect(await spawn('Shop', { maxSizeMb: 50, engine: 'sqlite' })).toMatchObject({ status: 200 })
    expect(await g.problem('POST', '/admin/databases/spawn/SHOP', { maxSizeMb: 51 })).toMatchObject(
      {
        status: 409,
        code: 'database.conflict',
        detail: expect.stringContaining('maxSizeMb'),
      },
    )
  })

  test('of twenty spawns of one name at once one makes it and there is one worker', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => spawn('race')))
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1)
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(19)
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1)
    expect(await folders()).toHaveLength(2)
  })

  test('stopped it refuses queries, started it has its data', async () => {
    await spawn('halt')
    await sql('halt', 'create table t (x)')
    await sql('halt', 'insert into t values (7)')
    expect(await g.call('POST', '/admin/databases/halt/stop')).toMatchObject({
      status: 200,
      body: { state: 'stopped' },
    })
    expect(await g.problem('POST', '/api/db/halt/query', { sql: 'select 1' })).toMatchObject({
      status: 409,
      code: 'database.stopped',
    })
    expect(await g.problem('POST', '/admin/databases/halt/restart')).toMatchObject({ status: 409 })
    expect(await g.call('POST', '/admin/databases/halt/start')).toMatchObject({
      body: { state: 'running' },
    })
    expect((await sql('halt', 'select x from t')).body.rows).toEqual([{ x: 7 }])
    expect(await g.call('POST', '/admin/databases/halt/restart')).toMatchObject({
      body: { state: 'running' },
    })
    expect((await sql('halt', 'select x from t')).body.rows).toEqual([{ x: 7 }])
  })

  test('pruned it keeps its data, and a spawn brings it back', async () => {
    await spawn('prune')
    await sql('prune', 'create table kept (x)')
    expect(await g.call('POST', '/admin/databases/prune/prune')).toMatchObject({
      status: 200,
      body: { state: 'pruned' },
    })
    expect(await spawn('prune')).toMatchObject({ status: 200, body: { state: 'running' } })
    expect((await sql('prune', 'select count(*) as n from kept')).body.rows).toEqual([{ n: 0 }])
  })

  test('deleted it is gone, the name is free, and its data can be had back', async () => {
    const { body } = await spawn('gone')
    await sql('gone', 'create table kept (x)')
    expect(await g.call('DELETE', '/admin/databases/gone')).toMatchObject({ status: 204, body: '' })
    expect(await g.problem('GET', '/admin/databases/gone')).toMatchObject({
      status: 404,
      code: 'database.not_found',
    })
    expect(await g.problem('POST', '/api/db/gone/query', { sql: 'select 1' })).toMatchObject({
      code: 'database.not_found',
    })
    const again = await spawn('gone')
    expect(again.status).toBe(201)
    expect(again.body.id).not.toBe(body.id)
    const deleted = await g.call<{ items: Database[] }>('GET', '/admin/databases?state=deleted')
    expect(deleted.body.items).toMatchObject([{ id: body.id, name: 'gone', state: 'deleted' }])
    const days = Date.parse(deleted.body.items[0]?.purgeAt ?? '') - Date.now()
    expect(days / 86_400_000).toBeCloseTo(7, 1)
    expect(await g.problem('POST', '/admin/databases/gone/undelete')).toMatchObject({
      code: 'database.conflict',
    })
    expect(await g.call('POST', '/admin/databases/gone/undelete', { name: 'Back' })).toMatchObject({
      status: 200,
      body: { id: body.id, name: 'Back', state: 'running' },
    })
    expect(await sql('back', 'select count(*) as n from kept')).toMatchObject({
      body: { rows: [{ n: 0 }] },
    })
    expect(await g.problem('POST', '/admin/databases/gone/undelete')).toMatchObject({ status: 404 })
  })

  test('by force its data are destroyed, and those that were deleted before', async () => {
    const before = await folders()
    for (const round of [1, 2]) {
      await spawn('purged')
      await g.call('DELETE', `/admin/databases/purged${round === 2 ? '?force=true' : ''}`)
    }
    expect(await folders()).toEqual(before)
    expect(await g.call('GET', '/admin/databases?state=deleted')).toMatchObject({
      body: { items: [] },
    })
    expect(await g.problem('DELETE', '/admin/databases/purged?force=true')).toMatchObject({
      status: 404,
    })
    await spawn('purged')
    await g.call('DELETE', '/admin/databases/purged')
    expect(await g.call('DELETE', '/admin/databases/purged?force=true')).toMatchObject({
      status: 204,
    })
    expect(await folders()).toEqual(before)
    await g.call('DELETE', '/admin/databases/back?force=true')
  })

  test('new limits keep its data', async () => {
    await spawn('limits')
    await sql('limits', 'create table t (x)')
    expect(await g.call('PATCH', '/admin/databases/limits', { memoryMb: 77 })).toMatchObject({
      status: 200,
      body: { state: 'running', limits: { memoryMb: 77 }, applied: { restart: ['memoryMb'] } },
    })
    expect((await sql('limits', 'select count(*) as n from t')).status).toBe(200)
    expect(await g.problem('PATCH', '/admin/databases/limits', {})).toMatchObject({ status: 400 })
  })

  test('the time a query may take is a setting that needs no restart', async () => {
    const { body } = await spawn('patience', { queryTimeoutMs: 5000 })
    expect(body.limits.queryTimeoutMs).toBe(5000)
    const before = await g.workerPid('patience')
    expect(
      await g.call('PATCH', '/admin/databases/patience', { queryTimeoutMs: 150 }),
    ).toMatchObject({ status: 200, body: { state: 'running', limits: { queryTimeoutMs: 150 } } })
    const endless =
      'with recursive c(n) as (select 1 union all select n + 1 from c) select count(*) from c'
    expect(await sql('patience', endless)).toMatchObject({
      status: 504,
      body: { code: 'query.timeout' },
    })
    expect(await g.workerPid('patience')).toBe(before)
    expect(await spawn('patience', { queryTimeoutMs: 151 })).toMatchObject({ status: 409 })
    await g.call('DELETE', '/admin/databases/patience')
  })

  test('a worker killed by force is back within a second, with what it had acknowledged', async () => {
    await spawn('killed')
    await sql('killed', 'create table t (x)')
    await sql('killed', 'insert into t values (1)')
    const before = await g.workerPid('killed')
    const running = g.call('POST', '/api/db/killed/query', {
      sql: 'with recursive c(n) as (select 1 union all select n + 1 from c) select count(*) from c',
    })
    await wait(150)
    process.kill(before, 'SIGKILL')
    expect(await running).toMatchObject({ status: 502, body: { code: 'worker.restarted' } })
    const startedAt = performance.now()
    expect((await sql('killed', 'select x from t')).body.rows).toEqual([{ x: 1 }])
    expect(performance.now() - startedAt).toBeLessThan(1000)
    expect(await g.workerPid('killed')).not.toBe(before)
  })

  test('a query that does not end is interrupted at its limit, and the same worker answers the next', async () => {
    await spawn('endless')
    const before = await g.workerPid('endless')
    const endless =
      'with recursive c(n) as (select 1 union all select n + 1 from c) select count(*) from c'
    expect(
      await g.problem('POST', '/api/db/endless/query', { sql: endless, timeoutMs: 200 }),
    ).toMatchObject({
      status: 504,
      code: 'query.timeout',
    })
    expect(await sql('endless', 'select 1 as one')).toMatchObject({
      status: 200,
      body: { rows: [{ one: 1 }] },
    })
    expect(await g.workerPid('endless')).toBe(before)
  })

  test('the list pages by name and filters', async () => {
    const first = await g.call<{ items: Database[]; nextCursor: string }>(
      'GET',
      '/admin/databases?limit=2',
    )
    expect(first.body.items.map(({ name }) => name)).toEqual(['endless', 'gone'])
    const next = await g.call<{ items: Database[] }>(
      'GET',
      `/admin/databases?limit=2&cursor=${first.body.nextCursor}`,
    )
    expect(next.body.items.map(({ name }) => name)).toEqual(['halt', 'killed'])
    const found = await g.call<{ items: Database[]; nextCursor: null }>(
      'GET',
      '/admin/databases?search=PRU&state=running',
    )
    expect(found.body).toMatchObject({ items: [{ name: 'prune' }], nextCursor: null })
    expect((await g.problem('GET', '/admin/databases?limit=0')).errors).toEqual([
      expect.objectContaining({ parameter: 'limit' }),
    ])
  })

  test('stats, logs and discovery tell what is', async () => {
    const { body: stats } = await g.call<DatabaseStats>('GET', '/admin/databases/shop/stats')
    expect(stats.memory?.usedBytes).toBeGreaterThan(10_000_000)
    expect(stats.disk).toMatchObject({
      usedBytes: expect.any(Number),
      limitBytes: 50 * 1024 * 1024,
      walBytes: expect.any(Number),
    })
    expect(stats.uptimeSeconds).toBeGreaterThan(0)
    const logs = await g.call<string>('GET', '/admin/databases/shop/logs?tail=5')
    const lines = logs.body
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as LogLine)
    expect(lines.at(-1)?.line).toContain('ready')
    const { body } = await g.call<{ databases: object[] }>('GET', '/admin/discovery')
    expect(body.databases).toContainEqual({
      name: 'Shop',
      engine: 'sqlite',
      state: 'running',
      queryUrl: '/api/db/Shop/query',
    })
    expect(await g.call('GET', '/admin/stats')).toMatchObject({
      status: 200,
      body: { databases: { total: body.databases.length } },
    })
  })

  test('a second gateway on the same data is refused', async () => {
    await expect(composeGateway(g.config, pino({ level: 'silent' }))).rejects.toThrow(
      DataLockedError,
    )
    expect((await sql('Shop', 'select 1')).status).toBe(200)
  })

  test('after a restart of the gateway every database is as it was left', async () => {
    await g.call('POST', '/admin/databases/halt/stop')
    g = await g.reopen()
    expect((await sql('Shop', 'select 1 as x')).status).toBe(200)
    expect(await g.call('GET', '/admin/databases/halt')).toMatchObject({
      body: { state: 'stopped' },
    })
    expect((await sql('killed', 'select x from t')).body.rows).toEqual([{ x: 1 }])
  })
})
