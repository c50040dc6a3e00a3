import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type DatabaseDraft, type MetadataStore, NameTakenError } from './metadata-store.ts'

const draft = (id: string, name: string): DatabaseDraft => ({
  id: `db_${id.padEnd(12, '2')}`,
  name,
  engine: 'sqlite',
  engineVersion: null,
  state: 'starting',
  desired: 'running',
  origin: null,
  limits: {
    memoryMb: 64,
    cpus: 1,
    maxSizeMb: 10,
    queryTimeoutMs: 30_000,
    sessionQueryTimeoutMs: 0,
    sleepAfterMs: null,
    connectionsMax: null,
    pidsMax: null,
  },
})

/** What every metadata store promises. */
export function metadataStoreContract(kind: string, make: () => Promise<MetadataStore>): void {
  describe(`metadata store: ${kind}`, () => {
    let store: MetadataStore
    beforeEach(async () => {
      store = await make()
      await store.migrate()
    })
    afterEach(() => store.close())

    test('migrating again applies nothing', async () => {
      expect(await store.migrate()).toEqual([])
    })

    test('a name is taken whatever its case', async () => {
      await store.databases.insert(draft('a', 'Shop'))
      await expect(store.databases.insert(draft('b', 'sHOP'))).rejects.toThrow(NameTakenError)
      expect(await store.databases.findByName('SHOP')).toMatchObject({ name: 'Shop', revision: 1 })
    })

    test('of many inserts of one name at once one succeeds', async () => {
      const names = Array.from({ length: 20 }, (_, at) =>
        store.databases.insert(draft(`c${at}`, 'race')),
      )
      const settled = await Promise.allSettled(names)
      expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    })

    test('a stale writer is refused', async () => {
      const row = await store.databases.insert(draft('a', 'x'))
      const updated = await store.databases.update(row.id, row.revision, {
        state: 'running',
        limits: { ...row.limits, cpus: 2 },
      })
      expect(updated).toMatchObject({ state: 'running', limits: { cpus: 2 }, revision: 2 })
      expect(await store.databases.update(row.id, row.revision, { state: 'failed' })).toBeNull()
      expect(await store.databases.find(row.id)).toMatchObject({ state: 'running' })
    })

    test('a list is ordered, filtered and cut, and leaves out what is being deleted', async () => {
      for (const name of ['b', 'A_1', 'c', 'Ax1'])
        await store.databases.insert(draft(name.toLowerCase(), name))
      const row = await store.databases.insert(draft('z', 'zz'))
      await store.databases.update(row.id, 1, {
        state: 'deleted',
        deletedAt: '2030-01-01T00:00:00.000Z',
      })
      const names = async (query: object) =>
        (await store.databases.list({ limit: 10, ...query })).map(({ name }) => name)
      expect(await names({})).toEqual(['A_1', 'Ax1', 'b', 'c'])
      expect(await names({ after: 'ax1', limit: 1 })).toEqual(['b'])
      expect(await names({ search: 'A_' })).toEqual(['A_1'])
      expect(await names({ state: 'running' })).toEqual([])
      expect(await store.databases.all()).toHaveLength(5)
    })

    test('a session ends at its time', async () => {
      const at = new Date('2030-01-01T00:00:00Z')
      await store.sessions.insert('hash', at)
      expect(await store.sessions.find('hash', new Date('2029-12-31T23:59:59Z'))).toEqual(at)
      expect(await store.sessions.find('hash', at)).toBeNull()
      await store.sessions.deleteExpired(at)
      expect(await store.sessions.find('hash', new Date(0))).toBeNull()
    })

    test('a setting can be set again', async () => {
      expect(await store.settings.get('k')).toBeNull()
      await store.settings.set('k', '1')
      await store.settings.set('k', '2')
      expect(await store.settings.get('k')).toBe('2')
    })
  })
}
