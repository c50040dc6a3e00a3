import type { Database } from '@db-forge/contract'
import { afterEach, describe, expect, test } from 'vitest'
import { systemClock } from '../clock.ts'
import { databaseOf, postgresStoreSuite } from '../testing/postgres-store.ts'
import { eventBusContract, used } from './event-bus.contract.ts'
import type { PlatformEvent } from './event-bus.ts'
import type { EventReference } from './event-reference.ts'
import { createMemoryEventBus } from './memory-event-bus.ts'
import { PostgresEventBus, type ReferenceResolver } from './postgres-event-bus.ts'

describe('event bus: in memory', () => {
  eventBusContract(async () => {
    const errors: unknown[] = []
    return {
      bus: createMemoryEventBus((error) => errors.push(error)),
      errors,
      close: async () => {},
    }
  })
})

postgresStoreSuite('event bus: PostgreSQL', (server) => {
  const opened: PostgresEventBus[] = []
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((bus) => bus.close()))
  })

  /** Takes references in as they are, unless it is told otherwise. */
  async function open(url: string, resolve?: ReferenceResolver) {
    const errors: unknown[] = []
    const references: EventReference[] = []
    const bus = await PostgresEventBus.open({
      url,
      clock: systemClock,
      onError: (error) => errors.push(error),
      resolve: async (reference) => {
        references.push(reference)
        return resolve ? resolve(reference) : (reference as PlatformEvent)
      },
    })
    opened.push(bus)
    const heard: PlatformEvent[] = []
    bus.subscribe((event, origin) => {
      if (origin === 'elsewhere') heard.push(event)
    })
    return { bus, errors, heard, references }
  }
  const becomes = (read: () => unknown) => expect.poll(read, { timeout: 15_000, interval: 20 })
  const gap = { type: 'gap' } as const

  eventBusContract(async () => {
    const { bus, errors } = await open(await server.emptyDatabase())
    return { bus, errors, close: () => bus.close() }
  })

  test('other gateways hear what is published, in order; its publisher does not hear it again', async () => {
    const url = await server.emptyDatabase()
    const [a, b, c] = [await open(url), await open(url), await open(url)]
    const events = Array.from({ length: 200 }, (_, at) => used(at))
    for (const event of events) a.bus.publish(event)
    b.bus.publish({ type: 'slots.changed' })
    await becomes(() => c.heard.length).toBe(201)
    expect(c.heard.filter(({ type }) => type === 'database.used')).toEqual(events)
    await becomes(() => b.heard).toEqual(events)
    await becomes(() => a.heard).toEqual([{ type: 'slots.changed' }])
  })

  test('a database travels as its id and revision, however large its row', async () => {
    const url = await server.emptyDatabase()
    const [a, b] = [await open(url), await open(url, async () => used(7))]
    const database = { id: 'db_222222222222', revision: 3, reason: 'x'.repeat(20_000) }
    a.bus.publish({ type: 'database.changed', database: database as Database })
    await becomes(() => b.heard).toEqual([used(7)])
    expect(b.references).toEqual([{ type: 'database.changed', id: database.id, revision: 3 }])
    expect(a.errors).toEqual([])
  })

  test('what is known already is not told; what cannot be read leaves a gap', async () => {
    const url = await server.emptyDatabase()
    const a = await open(url)
    const b = await open(url, async (reference) => {
      if (reference.type === 'slots.changed') throw new Error('the store does not answer')
      return null
    })
    a.bus.publish(used(1))
    a.bus.publish({ type: 'slots.changed' })
    await becomes(() => b.heard).toEqual([gap])
    expect(b.references).toHaveLength(2)
    expect(b.errors).toEqual([new Error('the store does not answer')])
  })

  test('what a gateway of another version says is passed over', async () => {
    const url = await server.emptyDatabase()
    const [a, b] = [await open(url), await open(url)]
    for (const text of ['', 'not JSON', '{"from":"x","event":{"type":"unheard.of"}}'])
      await server.sql(`select pg_notify('dbforge_events', '${text}')`, databaseOf(url))
    a.bus.publish(used(1))
    await becomes(() => b.heard).toEqual([used(1)])
    expect(b.errors).toEqual([])
  })

  test('after its connection was lost it hears again, and says that there was a gap', async () => {
    const url = await server.emptyDatabase()
    const [a, b] = [await open(url), await open(url)]
    await server.endConnections(url)
    await becomes(() => a.errors.length + b.errors.length).toBeGreaterThanOrEqual(2)
    await becomes(() => [a.heard.length > 0, b.heard.length > 0]).toEqual([true, true])
    expect([a.heard[0], b.heard[0]]).toEqual([gap, gap])
    a.bus.publish(used(1))
    await becomes(() => b.heard.at(-1)).toEqual(used(1))
  })

  test('what could not be sent is made up for by a gap for the others', async () => {
    const url = await server.emptyDatabase()
    const [a, b] = [await open(url), await open(url)]
    await server.endConnections(url, 1)
    await becomes(() => a.errors.length).toBeGreaterThan(0)
    a.bus.publish(used(1))
    await becomes(() => a.heard).toEqual([gap])
    await becomes(() => b.heard).toEqual([gap])
    expect(b.errors).toEqual([])
  })

  test('what was published before the end is sent', async () => {
    const url = await server.emptyDatabase()
    const [a, b] = [await open(url), await open(url)]
    for (let at = 0; at < 50; at += 1) a.bus.publish(used(at))
    await a.bus.close()
    await becomes(() => b.heard.length).toBe(50)
  })

  test('a server that is not there is an error at once', async () => {
    const url = (await server.emptyDatabase()).replace(/host=.*/, 'host=/nowhere')
    await expect(open(url)).rejects.toThrow(/ENOENT/)
  })
})
