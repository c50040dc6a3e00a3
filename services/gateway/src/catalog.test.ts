import type { DatabaseId } from '@db-forge/contract'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from './clock.ts'
import { Catalog } from './core/catalog.ts'
import { CatalogResync } from './core/catalog-resync.ts'
import type { EventOrigin, PlatformEvent } from './events/event-bus.ts'
import { createMemoryEventBus } from './events/memory-event-bus.ts'
import { PostgresEventBus } from './events/postgres-event-bus.ts'
import { draft } from './store/contract/databases.contract.ts'
import { KyselyStore } from './store/kysely-store.ts'
import type { MetadataStore } from './store/metadata-store.ts'
import { postgresDialect } from './store/postgres-dialect.ts'
import { sqliteDialect } from './store/sqlite-dialect.ts'
import { postgresStoreSuite } from './testing/postgres-store.ts'

type Heard = [what: string, origin: EventOrigin]

const said = (event: PlatformEvent): string => {
  if (event.type === 'database.changed')
    return `${event.database.name} ${event.database.state} ${event.database.revision}`
  return event.type === 'database.deleted' ? `${event.name} gone` : event.type
}

const TOMBSTONE = {
  state: 'deleted',
  desired: 'deleted',
  purgeAt: '2031-01-01T00:00:00.000Z',
} as const

describe('catalog', () => {
  let store: KyselyStore
  beforeEach(async () => {
    store = new KyselyStore(sqliteDialect(':memory:'))
    await store.migrate()
  })
  afterEach(() => store.close())

  /** Of one gateway; several of them see one another's rows, and no events. */
  function open(isShared: boolean, over: MetadataStore = store) {
    const heard: Heard[] = []
    const events = createMemoryEventBus((error) => {
      throw error
    })
    events.subscribe((event, origin) => heard.push([said(event), origin]))
    return {
      catalog: new Catalog(over, events, 'process', () => null, { isShared }),
      events,
      heard,
    }
  }
  const follow = (catalog: Catalog, id: DatabaseId, revision: number) =>
    catalog.follow({ type: 'database.changed', id, revision })

  test('a change is in the store, in memory and told, and nobody learns where it came from', async () => {
    const { catalog, heard } = open(false)
    const row = await catalog.insert({ ...draft('a', 'Shop'), origin: 'secret' })
    await catalog.update(row.id, { state: 'running' })
    expect(catalog.findByName('sHOP')).toEqual(await store.databases.find(row.id))
    await catalog.update(row.id, { state: 'running' })
    await catalog.delete(row.id)
    expect(catalog.findByName('shop')).toBeUndefined()
    expect(heard).toEqual([
      ['Shop starting 1', 'here'],
      ['Shop running 2', 'here'],
      ['Shop gone', 'here'],
    ])
    const shown = catalog.present({ ...row, generation: 4 })
    expect(shown).toMatchObject({ generation: 4, deletedAt: null, purgeAt: null })
    expect(shown).not.toHaveProperty('origin')
  })

  test('a tombstone has no name; those of one name come the last first', async () => {
    const { catalog } = open(false)
    for (const [id, deletedAt] of [
      ['a', '2030-01-01T00:00:00.000Z'],
      ['b', '2030-02-01T00:00:00.000Z'],
    ] as const) {
      const row = await catalog.insert(draft(id, 'shop'))
      await catalog.update(row.id, { ...TOMBSTONE, deletedAt })
      expect(catalog.findByName('shop')).toBeUndefined()
    }
    const live = await catalog.insert(draft('c', 'Shop'))
    const ids = (list: readonly { id: string }[]) => list.map(({ id }) => id)
    expect(ids(catalog.tombstones('SHOP'))).toEqual(ids([draft('b', ''), draft('a', '')]))
    expect(catalog.tombstones('other')).toEqual([])
    await catalog.update(live.id, { name: 'store' })
    expect(catalog.findByName('shop')).toBeUndefined()
    const back = await catalog.update(draft('a', '').id, { name: 'shop', deletedAt: null })
    expect(catalog.findByName('shop')).toEqual(back)
    await catalog.delete(draft('b', '').id)
    expect(catalog.findByName('shop')).toEqual(back)
  })

  test('a claim makes a database of a slot, once', async () => {
    const { catalog, heard } = open(false)
    const { id } = await store.slots.insert(draft('a', '').id, 'sqlite')
    await store.slots.move(id, 'making', 'ready')
    expect(await catalog.claim(draft('a', 'shop'))).toMatchObject({ id, name: 'shop' })
    expect(await catalog.claim(draft('a', 'again'))).toBeUndefined()
    expect(catalog.findByName('shop')).toMatchObject({ id })
    expect(heard).toEqual([
      ['slots.changed', 'here'],
      ['shop starting 1', 'here'],
    ])
  })

  test('what another gateway made is looked up', async () => {
    const { catalog, heard } = open(true)
    const row = await store.databases.insert(draft('a', 'Shop'))
    expect(catalog.findByName('shop')).toBeUndefined()
    expect(await catalog.lookup('shop')).toEqual(row)
    expect(catalog.findByName('shop')).toEqual(row)
    expect(await catalog.lookup('other')).toBeUndefined()
    expect(heard).toEqual([['Shop starting 1', 'elsewhere']])
  })

  test('an event of another gateway has the row read, unless it is known', async () => {
    const { catalog } = open(true)
    const { id } = await store.databases.insert(draft('a', 'shop'))
    expect(await follow(catalog, id, 1)).toMatchObject({ database: { revision: 1 } })
    expect(await follow(catalog, id, 1)).toBeNull()
    await store.databases.update(id, 1, { state: 'running' })
    await store.databases.update(id, 2, { name: 'store' })
    expect(await follow(catalog, id, 2)).toMatchObject({ database: { revision: 3 } })
    expect(await follow(catalog, id, 3)).toBeNull()
    expect(catalog.findByName('shop')).toBeUndefined()
    await store.databases.delete(id)
    expect(await follow(catalog, id, 4)).toEqual({ type: 'database.deleted', id, name: 'store' })
    expect(await catalog.follow({ type: 'database.deleted', id, name: 'store' })).toBeNull()
    expect(catalog.all()).toEqual([])
  })

  test('names are right in whatever order changes are heard of', async () => {
    const { catalog } = open(true)
    const old = await store.databases.insert(draft('a', 'shop'))
    await follow(catalog, old.id, 1)
    const deletedAt = '2030-01-01T00:00:00.000Z'
    await store.databases.update(old.id, 1, { ...TOMBSTONE, deletedAt })
    const next = await store.databases.insert(draft('b', 'shop'))
    await follow(catalog, next.id, 1)
    expect(catalog.findByName('shop')).toEqual(next)
    await follow(catalog, old.id, 2)
    expect(catalog.findByName('shop')).toEqual(next)
    expect(catalog.tombstones('shop')).toHaveLength(1)
  })

  test('a change is made to the row as the store has it, whatever memory believes', async () => {
    const { catalog, heard } = open(true)
    const { id } = await catalog.insert({ ...draft('a', 'shop'), desired: 'running' })
    await store.databases.update(id, 1, { desired: 'stopped' })
    expect(await catalog.update(id, { desired: 'running' })).toMatchObject({ revision: 3 })
    await store.databases.update(id, 3, { desired: 'asleep' })
    const woken = await catalog.updateIf(id, ({ desired }) => desired === 'asleep', {
      desired: 'running',
    })
    expect(woken).toMatchObject({ desired: 'running', revision: 5 })
    const refused = catalog.updateIf(id, ({ desired }) => desired === 'asleep', { reason: 'no' })
    expect(await refused).toBeUndefined()
    heard.length = 0
    await store.databases.delete(id)
    expect(await catalog.update(id, { reason: 'why' })).toBeUndefined()
    expect(heard).toEqual([['shop gone', 'elsewhere']])
  })

  test('a row that memory does not know is changed as well', async () => {
    const { catalog } = open(true)
    const { id } = await store.databases.insert(draft('a', 'shop'))
    expect(await catalog.update(id, { state: 'running' })).toMatchObject({ revision: 2 })
    expect(await catalog.update(draft('b', '').id, { state: 'running' })).toBeUndefined()
  })

  test('reading all again tells what has changed, and that alone', async () => {
    const { catalog, heard } = open(true)
    const [a, b] = [await catalog.insert(draft('a', 'a')), await catalog.insert(draft('b', 'b'))]
    await catalog.insert(draft('c', 'c'))
    heard.length = 0
    await catalog.reload()
    expect(heard).toEqual([])
    await store.databases.update(a.id, 1, { state: 'running' })
    await store.databases.delete(b.id)
    await store.databases.insert(draft('d', 'd'))
    await catalog.reload()
    expect(heard.sort()).toEqual([
      ['a running 2', 'elsewhere'],
      ['b gone', 'elsewhere'],
      ['d starting 1', 'elsewhere'],
    ])
    expect(
      catalog
        .all()
        .map(({ name }) => name)
        .sort(),
    ).toEqual(['a', 'c', 'd'])
  })

  describe('while the store takes its time', () => {
    /** Answers of `all` are held back until `release`. */
    function slow() {
      let release = () => {}
      const held = new Promise<void>((resolve) => {
        release = resolve
      })
      const databases = {
        ...store.databases,
        all: async () => {
          const rows = await store.databases.all()
          await held
          return rows
        },
      }
      const over: MetadataStore = Object.assign(Object.create(store), { databases })
      return { ...open(true, over), release }
    }

    test('an old answer neither undoes a change nor brings back what is gone', async () => {
      const { catalog, release } = slow()
      const [a, b] = [await catalog.insert(draft('a', 'a')), await catalog.insert(draft('b', 'b'))]
      const reading = catalog.reload()
      await new Promise((resolve) => setImmediate(resolve))
      await catalog.update(a.id, { state: 'running' })
      await catalog.delete(b.id)
      await catalog.insert(draft('c', 'c'))
      release()
      await reading
      const rows = catalog.all().map(({ name, state }) => [name, state])
      expect(rows.sort()).toEqual([
        ['a', 'running'],
        ['c', 'starting'],
      ])
    })
  })
})

postgresStoreSuite('catalogs of two gateways', (server) => {
  const endings: (() => Promise<void>)[] = []
  afterEach(async () => {
    for (const end of endings.splice(0).reverse()) await end()
  })

  async function open(url: string) {
    const store = new KyselyStore(postgresDialect(url, () => {}))
    await store.migrate()
    const events = await PostgresEventBus.open({
      url,
      clock: systemClock,
      onError: () => {},
      resolve: (reference) => catalog.follow(reference),
    })
    const catalog = new Catalog(store, events, 'process', () => null, { isShared: true })
    const resync = new CatalogResync({ catalog, events, clock: systemClock, onError: () => {} })
    resync.start()
    const heard: Heard[] = []
    events.subscribe((event, origin) => heard.push([said(event), origin]))
    await catalog.reload()
    endings.push(async () => {
      resync.close()
      await events.close()
      await store.close()
    })
    return { catalog, store, heard }
  }
  const becomes = (read: () => unknown) => expect.poll(read, { timeout: 15_000, interval: 20 })

  test('what one does, the other one knows and tells in its turn', async () => {
    const url = await server.emptyDatabase()
    const [a, b] = [await open(url), await open(url)]
    const { id } = await a.catalog.insert(draft('a', 'shop'))
    await becomes(() => b.catalog.findByName('shop')?.revision).toBe(1)
    await b.catalog.update(id, { state: 'running' })
    await becomes(() => a.catalog.get(id)?.state).toBe('running')
    await a.catalog.delete(id)
    await becomes(() => b.catalog.get(id)).toBeUndefined()
    const history = ['shop starting 1', 'shop running 2', 'shop gone']
    await becomes(() => a.heard.map(([what]) => what)).toEqual(history)
    await becomes(() => b.heard.map(([what]) => what)).toEqual(history)
    expect(a.heard.map(([, origin]) => origin)).toEqual(['here', 'elsewhere', 'here'])
  })

  test('changes of both to one row are all made, and both end with the same', async () => {
    const url = await server.emptyDatabase()
    const [a, b] = [await open(url), await open(url)]
    const { id } = await a.catalog.insert(draft('a', 'shop'))
    await Promise.all(
      Array.from({ length: 20 }, (_, at) =>
        (at % 2 ? a : b).catalog.update(id, { reason: `number ${at}` }),
      ),
    )
    const stored = await a.store.databases.find(id)
    expect(stored?.revision).toBe(21)
    await becomes(() => [a.catalog.get(id), b.catalog.get(id)]).toEqual([stored, stored])
  })

  test('what happens while no events get through is made up for', async () => {
    const url = await server.emptyDatabase()
    const [a, b] = [await open(url), await open(url)]
    const gone = await a.catalog.insert(draft('a', 'gone'))
    await becomes(() => b.catalog.get(gone.id)).toBeDefined()
    await server.endConnections(url)
    const third = new KyselyStore(postgresDialect(url, () => {}))
    await third.databases.delete(gone.id)
    await third.databases.insert(draft('b', 'made'))
    await third.close()
    for (const { catalog } of [a, b])
      await becomes(() => catalog.all().map(({ name }) => name)).toEqual(['made'])
    await becomes(() => b.heard.map(([what]) => what)).toContain('gone gone')
  })
})
