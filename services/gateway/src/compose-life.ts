import type { DatabaseId } from '@db-forge/contract'
import type { Clock } from './clock.ts'
import type { Config } from './config.ts'
import { Activity } from './core/activity.ts'
import type { Catalog } from './core/catalog.ts'
import { CatalogResync } from './core/catalog-resync.ts'
import { IdleSleep } from './core/idle-sleep.ts'
import type { Leadership } from './core/leadership.ts'
import { Lifecycle } from './core/lifecycle.ts'
import { Reconciler } from './core/reconciler.ts'
import { Resync } from './core/resync.ts'
import { StartGate } from './core/start-gate.ts'
import type { CoreLog } from './core/telemetry.ts'
import { WarmPool } from './core/warm-pool.ts'
import { engines } from './engines/registry.ts'
import type { EventBus, PlatformEvent } from './events/event-bus.ts'
import type { WorkerRuntime } from './runtime/worker-runtime.ts'
import type { MetadataStore } from './store/metadata-store.ts'
import type { WorkerLinks } from './worker-link/worker-links.ts'

const STARTS_IN_PARALLEL = 4
/** With less than this share of the memory available, no workers are kept ready. */
const MEMORY_SHORT = 0.1

export interface LifeParts {
  readonly config: Pick<Config, 'pool' | 'sleepAfterMs' | 'runningMax'>
  readonly catalog: Catalog
  readonly store: MetadataStore
  readonly runtime: WorkerRuntime
  readonly links: Pick<WorkerLinks, 'current' | 'connect' | 'drop' | 'close'>
  readonly events: EventBus
  readonly leadership: Leadership
  readonly clock: Clock
  readonly log: CoreLog
  /** Why workers take nothing that grows. */
  readonly readOnly: () => 'disk' | null
  /** The share of the machine's memory that could still be had, from 0 to 1. */
  readonly availableMemory: () => Promise<number>
  /** Whether a client is at work with a database. */
  readonly isBusy: (id: DatabaseId) => boolean
}

/** All that keeps databases as they should be. */
export interface Life {
  readonly lifecycle: Lifecycle
  readonly activity: Activity
  readonly pool: WarmPool
  start(): void
  /** The connection to a worker is gone. */
  lost(id: DatabaseId): void
  close(): Promise<void>
}

/** Puts the parts together that see to the workers, and starts them whenever this gateway comes to lead. */
export function composeLife(parts: LifeParts): Life {
  const { config, catalog, events, leadership, clock, isBusy } = parts
  const gate = new StartGate(STARTS_IN_PARALLEL)
  const shared = { ...parts, engines, gate }
  const activity = new Activity(clock, (id) => events.publish({ type: 'database.used', id }))
  const idle: IdleSleep = new IdleSleep({
    ...shared,
    ...config,
    activity,
    putToSleep: (id) => lifecycle.putToSleep(id),
  })
  const reconciler: Reconciler = new Reconciler({
    ...shared,
    isBusy,
    withRoom: (id, start) => idle.withRoom(id, start),
  })
  const lifecycle: Lifecycle = new Lifecycle({
    ...shared,
    reconciler,
    activity,
    onGap: () => resync.request(),
  })
  const pool: WarmPool = new WarmPool({
    ...shared,
    targets: config.pool,
    hasRoom: async () =>
      parts.readOnly() === null && (await parts.availableMemory()) > MEMORY_SHORT,
  })
  const resync: Resync = new Resync({ ...shared, lifecycle, pool })
  const lead = () => {
    pool.start()
    resync.request()
  }
  const onEvent = (event: PlatformEvent, isElsewhere: boolean) => {
    if (event.type === 'database.changed') {
      const { id, engine } = event.database
      if (isElsewhere && pool.owns(id)) pool.claimed(engine, id)
      lifecycle.noticed(id, isElsewhere)
    } else if (event.type === 'database.deleted') lifecycle.noticed(event.id, isElsewhere)
    else if (event.type === 'database.used' && isElsewhere) activity.usedElsewhere(event.id)
  }
  const catalogResync = catalog.isShared
    ? new CatalogResync({
        ...shared,
        onError: (error) => parts.log.warn({ err: error }, 'the catalog could not be read again'),
      })
    : undefined
  const endings = [
    leadership.onChange((term) => term !== null && lead()),
    events.subscribe((event, origin) => onEvent(event, origin === 'elsewhere')),
  ]
  return {
    lifecycle,
    activity,
    pool,
    start() {
      lifecycle.start()
      idle.start()
      catalogResync?.start()
      if (leadership.term !== null) lead()
    },
    lost(id) {
      if (pool.owns(id) && !catalog.get(id)) pool.lost(id)
      else lifecycle.revive(id)
    },
    async close() {
      for (const end of endings) end()
      idle.close()
      catalogResync?.close()
      await Promise.all([pool.close(), resync.close()])
      await lifecycle.close()
    },
  }
}
