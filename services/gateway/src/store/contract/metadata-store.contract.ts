import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { MetadataStore } from '../metadata-store.ts'
import { databasesContract } from './databases.contract.ts'
import { idempotencyKeysContract } from './idempotency-keys.contract.ts'
import { jobsContract } from './jobs.contract.ts'
import { leasesContract } from './leases.contract.ts'
import { slotsContract } from './slots.contract.ts'

/** A store that is new for each test, and the time as it sees it. */
export interface StoreUnderTest {
  readonly store: MetadataStore
  setTime(iso: string): void
}

/** What every metadata store promises. @param make an empty one */
export function metadataStoreContract(make: (now: () => Date) => Promise<MetadataStore>): void {
  let store: MetadataStore
  let time: string
  beforeEach(async () => {
    time = '2030-01-01T00:00:00.000Z'
    store = await make(() => new Date(time))
    await store.migrate()
  })
  afterEach(() => store.close())
  const current = (): StoreUnderTest => ({
    store,
    setTime: (iso) => {
      time = iso
    },
  })

  test('migrating again applies nothing', async () => {
    expect(await store.migrate()).toEqual([])
  })

  describe('databases', () => databasesContract(current))
  describe('slots', () => slotsContract(current))
  describe('leases', () => leasesContract(current))
  describe('jobs', () => jobsContract(current))
  describe('idempotency keys', () => idempotencyKeysContract(current))

  describe('sessions and settings', () => {
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

    test('what is set once stays as the first one set it', async () => {
      expect(await store.settings.setIfAbsent('k', '1')).toBe('1')
      expect(await store.settings.setIfAbsent('k', '2')).toBe('1')
      expect(await store.settings.get('k')).toBe('1')
    })
  })
}
