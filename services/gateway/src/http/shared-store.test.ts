import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Database, PlatformStats } from '@db-forge/contract'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { composeGateway } from '../compose.ts'
import { draft } from '../store/contract/databases.contract.ts'
import { KyselyStore } from '../store/kysely-store.ts'
import { postgresDialect } from '../store/postgres-dialect.ts'
import { postgresStoreSuite } from '../testing/postgres-store.ts'
import { openTestGateway, type TestGateway } from '../testing/test-gateway.ts'

postgresStoreSuite('two gateways on one store', (server) => {
  let folder: string
  let env: Record<string, string>
  const opened: TestGateway[] = []

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'dbf-'))
    env = {
      DBFORGE_DATA_DIR: join(folder, 'data'),
      DBFORGE_SECRETS_DIR: join(folder, 'secrets'),
      DBFORGE_STORE_URL: await server.emptyDatabase(),
    }
  })
  afterEach(async () => {
    const [last, ...others] = opened.splice(0)
    for (const each of others) await each.gateway.close()
    await last?.destroy()
    await rm(folder, { recursive: true, force: true })
  })
  const open = async () => {
    const made = await openTestGateway(env)
    opened.push(made)
    return made
  }
  const leads = async (g: TestGateway) =>
    (await g.call<PlatformStats>('GET', '/admin/stats')).body.gateway.leads

  test('those that start at once agree, and one leads', async () => {
    const all = await Promise.all([open(), open()])
    expect((await Promise.all(all.map(leads))).sort()).toEqual([false, true])
    const health = await Promise.all(all.map((g) => g.call('GET', '/health')))
    expect(health.map(({ status }) => status)).toEqual([200, 200])
  })

  test('a database of one is known to the other at once, also when it is gone', async () => {
    const [a, b] = [await open(), await open()]
    for (const [at, [one, other]] of [
      [a, b],
      [b, a],
    ].entries()) {
      if (!one || !other) throw new Error('there are two')
      const name = `shop-${at}`
      const spawned = await one.call<Database>('POST', `/admin/databases/spawn/${name}`)
      expect(spawned).toMatchObject({ status: 201, body: { state: 'running' } })
      const asked = await other.call('POST', `/api/db/${name}/query`, { sql: 'select 42 as n' })
      expect(asked).toMatchObject({ status: 200, body: { rows: [{ n: 42 }] } })
      expect(await other.call('POST', `/admin/databases/spawn/${name}`)).toMatchObject({
        status: 200,
        body: { id: spawned.body.id },
      })
      expect(await one.call('DELETE', `/admin/databases/${name}`)).toMatchObject({ status: 204 })
      await expect
        .poll(async () => (await other.call('GET', `/admin/databases/${name}`)).status)
        .toBe(404)
    }
  })

  test('what no event has told of is looked up', async () => {
    const g = await open()
    const store = new KyselyStore(postgresDialect(env['DBFORGE_STORE_URL'] ?? '', () => {}))
    const made = { ...draft('silent', 'silent'), state: 'stopped', desired: 'stopped' } as const
    await store.databases.insert(made)
    await store.close()
    const asked = await g.call('POST', '/api/db/silent/query', { sql: 'select 1' })
    expect(asked).toMatchObject({ status: 409, body: { code: 'database.stopped' } })
    expect(await g.call('GET', '/admin/databases/neither')).toMatchObject({ status: 404 })
  })

  test('when the one that leads ends, the other one leads', async () => {
    const [a, b] = [await open(), await open()]
    expect([await leads(a), await leads(b)]).toEqual([true, false])
    opened.splice(opened.indexOf(a), 1)
    await a.gateway.close()
    await expect.poll(() => leads(b), { timeout: 10_000 }).toBe(true)
    expect(await b.call('POST', '/admin/databases/spawn/later')).toMatchObject({ status: 201 })
  })

  test('the password of the store is in no line of the log, nor in what a failed start says', async () => {
    const url = (await server.emptyDatabase()).replace('dbforge@', 'dbforge:not-to-be-told@')
    env = { ...env, DBFORGE_STORE_URL: url }
    const g = await open()
    await server.endConnections(url)
    await expect.poll(() => g.log(), { timeout: 10_000 }).toContain('events among gateways')
    expect(g.log()).not.toContain('not-to-be-told')
    const lines: string[] = []
    const wrong = { ...g.config, storeUrl: url.replace(/host=.*/, 'host=/nowhere') }
    const failure = await composeGateway(
      wrong,
      pino({}, { write: (line: string) => void lines.push(line) }),
    ).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(Error)
    expect(`${lines.join('')}${(failure as Error).stack}`).not.toContain('not-to-be-told')
  })
})
