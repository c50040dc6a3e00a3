import { afterEach, describe, expect, test } from 'vitest'
import { postgresStoreSuite } from '../testing/postgres-store.ts'
import { metadataStoreContract } from './contract/metadata-store.contract.ts'
import { KyselyStore } from './kysely-store.ts'
import { postgresDialect } from './postgres-dialect.ts'
import { sqliteDialect } from './sqlite-dialect.ts'

describe('metadata store: SQLite', () => {
  metadataStoreContract(async (now) => new KyselyStore(sqliteDialect(':memory:'), now))
})

postgresStoreSuite('metadata store: PostgreSQL', (server) => {
  const lost: Error[] = []
  const opened: KyselyStore[] = []
  const open = (url: string, now?: () => Date) => {
    const store = new KyselyStore(
      postgresDialect(url, (error) => lost.push(error)),
      now,
    )
    opened.push(store)
    return store
  }
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((store) => store.close()))
  })

  metadataStoreContract(
    async (now) =>
      new KyselyStore(
        postgresDialect(await server.emptyDatabase(), () => {}),
        now,
      ),
  )

  test('several gateways that start at once migrate once', async () => {
    const url = await server.emptyDatabase()
    const applied = await Promise.all([1, 2, 3, 4].map(() => open(url).migrate()))
    expect(applied.flat().sort()).toEqual(['001-databases', '002-lifecycle'])
  })

  test('gateways that share a store agree on what each of them would set first', async () => {
    const url = await server.emptyDatabase()
    const stores = [1, 2, 3, 4].map(() => open(url))
    await stores[0]?.migrate()
    const values = await Promise.all(
      stores.map(({ settings }, at) => settings.setIfAbsent('instance_id', `made by ${at}`)),
    )
    expect(new Set(values).size).toBe(1)
    expect(await stores[0]?.settings.get('instance_id')).toBe(values[0])
  })

  test('goes on after the server has ended its connections', async () => {
    const url = await server.emptyDatabase()
    const store = open(url)
    await store.migrate()
    await Promise.all([1, 2, 3].map(() => store.settings.get('opens connections')))
    lost.length = 0
    const ended = await server.endConnections(url)
    await expect.poll(() => lost.length, { timeout: 10_000 }).toBe(ended)
    await store.settings.set('k', '1')
    expect(await store.settings.get('k')).toBe('1')
  })
})
