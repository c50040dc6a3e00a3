import type { DatabaseId } from '@db-forge/contract'
import type { Clock } from '../clock.ts'
import type { WorkerRuntime } from '../runtime/worker-runtime.ts'
import type { DatabaseRow, MetadataStore } from '../store/metadata-store.ts'
import type { Catalog } from './catalog.ts'
import type { Leadership } from './leadership.ts'
import type { Lifecycle } from './lifecycle.ts'
import { isSettled } from './reconciler.ts'
import type { CoreLog } from './telemetry.ts'
import type { WarmPool } from './warm-pool.ts'

const EVERY_MS = 60_000
/** Of foreground work there are as many at once as may start; this leaves room for it. */
const AT_ONCE = 4

export interface ResyncOptions {
  readonly catalog: Catalog
  readonly store: MetadataStore
  readonly runtime: WorkerRuntime
  readonly lifecycle: Pick<Lifecycle, 'converge' | 'isHeld'>
  readonly pool: Pick<WarmPool, 'owns'>
  readonly leadership: Pick<Leadership, 'term'>
  readonly clock: Clock
  readonly log: CoreLog
}

/**
 * Compares everything with everything: repairs whatever events have missed, destroys what has been deleted for long
 * enough, and removes workers that nobody owns.
 */
export class Resync {
  readonly #o: ResyncOptions
  #cancel: (() => void) | undefined
  #running: Promise<void> | undefined
  #again = false
  #closed = false

  constructor(options: ResyncOptions) {
    this.#o = options
  }

  /** Now, and from then on every minute. Asked for while it runs, it runs once more. */
  request(): void {
    if (this.#closed) return
    this.#cancel?.()
    this.#again = this.#running !== undefined
    this.#running ??= this.#runUntilDone().finally(() => {
      this.#running = undefined
      if (!this.#closed) this.#cancel = this.#o.clock.after(EVERY_MS, () => this.request())
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#cancel?.()
    await this.#running
  }

  async #runUntilDone(): Promise<void> {
    do {
      this.#again = false
      try {
        if (this.#o.leadership.term !== null) await this.#compare()
      } catch (error) {
        this.#o.log.warn({ err: error }, 'resync failed')
      }
    } while (this.#again && !this.#closed)
  }

  async #compare(): Promise<void> {
    if (this.#o.catalog.isShared) await this.#o.catalog.reload()
    await this.#endTombstones()
    const running = new Set<DatabaseId>()
    const present = new Set<DatabaseId>()
    for (const worker of await this.#o.runtime.list()) {
      const id = worker.databaseId
      present.add(id)
      if (worker.state.status === 'running') running.add(id)
      if (!this.#o.catalog.get(id) && !this.#o.pool.owns(id)) await this.#removeOrphan(id)
    }
    await this.#convergeAll(this.#o.catalog.all().filter((row) => !isThere(row, running, present)))
  }

  /** Once more by the store: another gateway may have made it a moment ago. */
  async #removeOrphan(id: DatabaseId): Promise<void> {
    const { catalog, store, runtime, log } = this.#o
    if (await catalog.refresh(id)) return
    if ((await store.slots.all()).some((slot) => slot.id === id)) return
    log.warn({ databaseId: id }, 'removing a worker that no database owns; its data stay')
    await runtime.remove(id)
  }

  async #endTombstones(): Promise<void> {
    const now = this.#o.clock.date().toISOString()
    const isOver = ({ desired, purgeAt }: DatabaseRow) =>
      desired === 'deleted' && purgeAt !== null && purgeAt <= now
    for (const { id } of this.#o.catalog.all().filter(isOver))
      await this.#o.catalog.updateIf(id, isOver, { desired: 'purged' })
  }

  async #convergeAll(rows: readonly DatabaseRow[]): Promise<void> {
    const waiting = rows.filter(({ id }) => !this.#o.lifecycle.isHeld(id))
    const some = async () => {
      for (let row = waiting.shift(); row; row = waiting.shift()) {
        if (this.#closed || this.#o.leadership.term === null) return
        await this.#o.lifecycle.converge(row.id).catch(() => {})
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, some))
  }
}

function isThere(
  row: DatabaseRow,
  running: ReadonlySet<DatabaseId>,
  present: ReadonlySet<DatabaseId>,
): boolean {
  if (!isSettled(row)) return false
  if (row.desired === 'running') return running.has(row.id)
  return !(row.desired === 'stopped' ? running : present).has(row.id)
}
