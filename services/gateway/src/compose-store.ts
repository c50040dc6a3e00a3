import type { Logger } from 'pino'
import { systemClock } from './clock.ts'
import type { Leadership } from './core/leadership.ts'
import { LeaseLeadership } from './core/lease-leadership.ts'
import type { EventBus } from './events/event-bus.ts'
import { createMemoryEventBus } from './events/memory-event-bus.ts'
import { PostgresEventBus, type ReferenceResolver } from './events/postgres-event-bus.ts'
import { lockData } from './store/data-lock.ts'
import { KyselyStore } from './store/kysely-store.ts'
import type { MetadataStore } from './store/metadata-store.ts'
import { postgresDialect } from './store/postgres-dialect.ts'
import { sqliteDialect } from './store/sqlite-dialect.ts'

const SQLITE = 'sqlite:'

/** The store, and what depends on whether other gateways use it as well. */
export interface OpenStore {
  readonly store: MetadataStore
  readonly events: EventBus
  readonly leadership: Leadership
  readonly isShared: boolean
  close(): Promise<void>
}

/** @param resolve what an event of another gateway comes to here */
export async function openStore(
  url: string,
  metaDir: string,
  resolve: ReferenceResolver,
  log: Logger,
): Promise<OpenStore> {
  return url.startsWith(SQLITE)
    ? await openOwn(url.slice(SQLITE.length), metaDir, log)
    : await openShared(url, resolve, log)
}

/** One gateway's alone: the lock says so. */
async function openOwn(path: string, metaDir: string, log: Logger): Promise<OpenStore> {
  const unlock = lockData(metaDir)
  const store = await migrated(new KyselyStore(sqliteDialect(path)), log)
  const leadership = leadershipOf(store, true, log)
  return {
    store,
    events: createMemoryEventBus((error) => log.error({ err: error }, 'event listener failed')),
    leadership,
    isShared: false,
    async close() {
      await leadership.close()
      await store.close()
      unlock()
    },
  }
}

/** The data folder is shared as well, so it bears no lock: among the gateways, one leads. */
async function openShared(
  url: string,
  resolve: ReferenceResolver,
  log: Logger,
): Promise<OpenStore> {
  const dialect = postgresDialect(url, (error) =>
    log.warn({ err: error }, 'an idle connection to the store was lost'),
  )
  const store = await migrated(new KyselyStore(dialect), log)
  const events = await PostgresEventBus.open({
    url,
    resolve,
    onError: (error) => log.warn({ err: error }, 'events among gateways are disturbed'),
    clock: systemClock,
  })
  const leadership = leadershipOf(store, false, log)
  return {
    store,
    events,
    leadership,
    isShared: true,
    async close() {
      await leadership.close()
      await events.close()
      await store.close()
    },
  }
}

const leadershipOf = (store: MetadataStore, exclusive: boolean, log: Logger): Leadership =>
  new LeaseLeadership({ leases: store.leases, clock: systemClock, exclusive, log })

async function migrated(store: KyselyStore, log: Logger): Promise<MetadataStore> {
  const applied = await store.migrate()
  if (applied.length > 0) log.info({ applied }, 'store migrated')
  return store
}
