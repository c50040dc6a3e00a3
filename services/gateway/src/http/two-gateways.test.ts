import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Database, PlatformStats } from '@db-forge/contract'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DockerodeApi } from '../runtime/dockerode-api.ts'
import { freePort, GatewayProcess } from '../testing/gateway-process.ts'
import { postgresStoreSuite } from '../testing/postgres-store.ts'

const docker = new DockerodeApi()
const absent = await docker.ping().then(
  () => null,
  (error: Error) => error.message,
)

describe.skipIf(absent)(absent ? `two gateways: skipped, since ${absent}` : 'two gateways', () => {
  postgresStoreSuite('on one store and one Docker', (server) => {
    let folder: string
    let gateways: [GatewayProcess, GatewayProcess]

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'dbf-two-'))
      const env = {
        DBFORGE_RUNTIME: 'docker',
        DBFORGE_DATA_DIR: join(folder, 'data'),
        DBFORGE_SECRETS_DIR: join(folder, 'secrets'),
        DBFORGE_STORE_URL: await server.emptyDatabase(),
        DBFORGE_POOL_SQLITE: '1',
        DBFORGE_POOL_POSTGRES: '0',
      }
      gateways = [
        new GatewayProcess(await freePort(), env),
        new GatewayProcess(await freePort(), { ...env, DBFORGE_GATEWAY_NUMBER: '1' }),
      ]
      await Promise.all(gateways.map((gateway) => gateway.start()))
    }, 600_000)

    afterAll(async () => {
      await Promise.all(gateways.map((gateway) => gateway.kill()))
      await Promise.all((await containers()).map((name) => docker.remove(name)))
      await rm(folder, { recursive: true, force: true })
    })

    const containers = () => workersOf(join(folder, 'data'))
    const leader = async (): Promise<[GatewayProcess, GatewayProcess]> => {
      for (;;) {
        for (const [at, gateway] of gateways.entries()) {
          const answer = await gateway.call<PlatformStats>('GET', '/admin/stats').catch(() => null)
          const other = gateways[1 - at]
          if (answer?.body.gateway.leads && other) return [gateway, other]
        }
        await wait(200)
      }
    }
    const sql = (gateway: GatewayProcess, name: string, text: string) =>
      gateway.call<{ rows?: object[]; code?: string }>('POST', `/api/db/${name}/query`, {
        sql: text,
      })

    test('of 200 spawns of one name, half of them here and half there, one makes it', async () => {
      const answers = await Promise.all(
        Array.from({ length: 200 }, (_, at) =>
          gateways[at % 2 === 0 ? 0 : 1].call<Database>('POST', '/admin/databases/spawn/one', {}),
        ),
      )
      const statuses = answers.map(({ status }) => status)
      expect(statuses.filter((status) => status !== 200 && status !== 201)).toEqual([])
      expect(statuses.filter((status) => status === 201)).toHaveLength(1)
      expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1)
    }, 120_000)

    test('what one makes the other knows at once, and both reach its worker', async () => {
      const [first, second] = gateways
      expect(await first.call('POST', '/admin/databases/spawn/both', {})).toMatchObject({
        status: 201,
      })
      expect(await sql(second, 'both', 'create table t (x)')).toMatchObject({ status: 200 })
      expect(await sql(first, 'both', 'insert into t values (1)')).toMatchObject({ status: 200 })
      expect(await second.call('POST', '/admin/databases/both/sleep')).toMatchObject({
        body: { state: 'asleep' },
      })
      expect(await sql(first, 'both', 'select x from t')).toMatchObject({
        body: { rows: [{ x: 1 }] },
      })
      expect(await sql(second, 'both', 'select x from t')).toMatchObject({
        body: { rows: [{ x: 1 }] },
      })
      expect(await second.call('DELETE', '/admin/databases/both')).toMatchObject({ status: 204 })
      expect(await sql(first, 'both', 'select 1')).toMatchObject({ status: 404 })
      expect(await first.call('POST', '/admin/databases/both/undelete', {})).toMatchObject({
        status: 200,
      })
      expect(await sql(second, 'both', 'select x from t')).toMatchObject({
        body: { rows: [{ x: 1 }] },
      })
      await second.call('DELETE', '/admin/databases/both?force=true')
    }, 60_000)

    test.each(['leads', 'follows'])(
      'the one that %s is killed in the middle of spawns; the other one makes all of them',
      async (which) => {
        const [leads, follows] = await leader()
        const [killed, left] = which === 'leads' ? [leads, follows] : [follows, leads]
        const names = Array.from({ length: 12 }, (_, at) => `${which}-${at}`)
        const spawned = names.map((name, at) =>
          (at % 2 === 0 ? killed : left)
            .call('POST', `/admin/databases/spawn/${name}`, {})
            .catch(() => null),
        )
        await wait(150)
        await killed.kill()
        const answers = await Promise.all(spawned)
        // Whoever had asked the one that was killed asks the other one.
        const again = await Promise.all(
          names.map((name, at) =>
            answers[at]?.status === 201
              ? answers[at]
              : left.call('POST', `/admin/databases/spawn/${name}`, {}),
          ),
        )
        expect(again.filter((answer) => answer.status > 201)).toEqual([])
        for (const name of names)
          expect(await sql(left, name, 'select 1')).toMatchObject({ status: 200 })
        await killed.start()
        for (const name of names)
          expect(await sql(killed, name, 'select 1')).toMatchObject({ status: 200 })
        await Promise.all(
          names.map((name) => killed.call('DELETE', `/admin/databases/${name}?force=true`)),
        )
      },
      180_000,
    )

    test('one that stood still while it led does no harm when it goes on', async () => {
      const [leads, follows] = await leader()
      await leads.call('POST', '/admin/databases/spawn/still', {})
      leads.signal('SIGSTOP')
      await expect
        .poll(
          async () => (await follows.call<PlatformStats>('GET', '/admin/stats')).body.gateway.leads,
          { timeout: 30_000 },
        )
        .toBe(true)
      expect(await follows.call('POST', '/admin/databases/still/restart')).toMatchObject({
        status: 200,
      })
      leads.signal('SIGCONT')
      await wait(2000)
      expect((await leads.call<PlatformStats>('GET', '/admin/stats')).body.gateway.leads).toBe(
        false,
      )
      for (const gateway of gateways)
        expect(await sql(gateway, 'still', 'select 1')).toMatchObject({ status: 200 })
    }, 90_000)

    test('in the end there is one worker for each database that should run, and one in the pool', async () => {
      const [leads] = await leader()
      const { body } = await leads.call<{ items: Database[] }>('GET', '/admin/databases?limit=1000')
      expect(body.items.map(({ name, state }) => [name, state])).toEqual([
        ['one', 'running'],
        ['still', 'running'],
      ])
      await expect.poll(async () => (await containers()).length, { timeout: 30_000 }).toBe(3)
    }, 60_000)
  })
})

/** Names of the containers whose folders lie in this data folder. */
async function workersOf(dataDir: string): Promise<string[]> {
  const found: string[] = []
  for (const name of await docker.containersWith('dev.dbforge.instance')) {
    const container = await docker.container(name)
    if (container?.mounts.some(({ source }) => source.startsWith(dataDir))) found.push(container.id)
  }
  return found
}
