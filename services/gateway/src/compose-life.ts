import type { DatabaseId } from '@db-forge/contract'
import type { Logger } from 'pino'
import { systemClock } from './clock.ts'
import type { Config } from './config.ts'
import { Activity } from './core/activity.ts'
import type { Catalog } from './core/catalog.ts'
import { IdleSleep } from './core/idle-sleep.ts'
import type { Leadership } from './core/leadership.ts'
import { Lifecycle } from './core/lifecycle.ts'
import { Reconciler } from './core/reconciler.ts'
import { Resync } from './core/resync.ts'
import { StartGate } from './core/start-gate.ts'
import { WarmPool } from './core/warm-pool.ts'
import { engines } from './engines/registry.ts'
import type { EventBus } from './events/event-bus.ts'
import { availableMemory } from './runtime/available-memory.ts'
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
  readonly log: Logger
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
  const { config, catalog, events, leadership, isBusy } = parts
  const clock = systemClock
  const gate = new StartGate(STARTS_IN_PARALLEL)
  const shared = { ...parts, engines, clock, gate }
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
    makeRoom: (id, admit) => idle.makeRoom(id, admit),
  })
  const lifecycle: Lifecycle = new Lifecycle({
    ...shared,
    reconciler,
    activity,
    onGap: () => void resync.run(),
  })
  const pool: WarmPool = new WarmPool({
    ...shared,
    targets: config.pool,
    hasMemory: async () => (await availableMemory()) > MEMORY_SHORT,
  })
  const resync: Resync = new Resync({ ...shared, lifecycle, pool })
  const lead = () => {
    void pool.start().then(() => pool.fill())
    void resync.run()
  }
  const endings = [
    leadership.onChange((term) => term !== null && lead()),
    events.subscribe((event) => {
      if (event.type === 'database.changed') lifecycle.noticed(event.database.id, false)
    }),
  ]
  return {
    lifecycle,
    activity,
    pool,
    start() {
      lifecycle.start()
      idle.start()
      if (leadership.term !== null) lead()
    },
    lost(id) {
      if (pool.owns(id)) pool.lost(id)
      else lifecycle.revive(id)
    },
    async close() {
      for (const end of endings) end()
      idle.close()
      await Promise.all([pool.close(), resync.close()])
      await lifecycle.close()
    },
  }
}
