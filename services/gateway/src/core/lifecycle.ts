import type { DatabaseId } from '@db-forge/contract'
import type { WorkerHealth } from '@db-forge/contract/wire'
import type { Clock } from '../clock.ts'
import { KeyedQueue } from '../keyed-queue.ts'
import type { WorkerEvent, WorkerRuntime } from '../runtime/worker-runtime.ts'
import type { DatabaseRow } from '../store/metadata-store.ts'
import type { WorkerLink } from '../worker-link/worker-link.ts'
import type { WorkerLinks } from '../worker-link/worker-links.ts'
import type { Activity } from './activity.ts'
import { AppError } from './app-error.ts'
import type { Catalog } from './catalog.ts'
import { type Leadership, NotLeadingError } from './leadership.ts'
import { isSettled, type Reconciler } from './reconciler.ts'
import { RestartBackoff } from './restart-backoff.ts'
import type { CoreLog } from './telemetry.ts'

/** A worker that says nothing will not end by being asked to. */
const SILENT_GRACE_MS = 500
const HEALTH_MS = 1000
/** How long another gateway, or the next leader, is given to do what was asked for here. */
const ELSEWHERE_MS = 60_000
/** Where an event was missed, the store tells. */
const LOOK_AGAIN_MS = 250
/** A worker that is just being ended or replaced is looked for so often. */
const TRIES = 40

export interface LifecycleOptions {
  readonly catalog: Catalog
  readonly runtime: WorkerRuntime
  readonly reconciler: Reconciler
  readonly links: Pick<WorkerLinks, 'current' | 'connect' | 'drop' | 'close'>
  readonly leadership: Pick<Leadership, 'term'>
  readonly activity: Activity
  readonly clock: Clock
  readonly log: CoreLog
  /** Called where it is unknown what events were missed. */
  readonly onGap: () => void
}

/**
 * Makes what is so into what was asked for. A use case writes the desired state to the catalog and calls
 * `converge`; whatever goes wrong between is repaired by the same function, called by events and by a slow
 * resync. Work on one database is done one after another, and only by the gateway that leads; another one waits
 * until that has done it.
 */
export class Lifecycle {
  readonly #o: LifecycleOptions
  readonly #queue = new KeyedQueue<DatabaseId>()
  readonly #backoff: RestartBackoff
  readonly #retries = new Map<DatabaseId, () => void>()
  readonly #waiting = new Map<DatabaseId, Set<() => void>>()
  readonly #stopping = new AbortController()

  constructor(options: LifecycleOptions) {
    this.#o = options
    this.#backoff = new RestartBackoff(() => options.clock.now())
  }

  /** Goes on watching until `close`. */
  start(): void {
    this.#o.runtime.watch((event) => this.#onEvent(event), { signal: this.#stopping.signal })
  }

  /** Lets what is under way end. Workers go on where the runtime lets them. */
  async close(): Promise<void> {
    this.#stopping.abort()
    for (const cancel of this.#retries.values()) cancel()
    await this.#queue.idle()
    this.#o.links.close()
    await this.#o.runtime.close()
  }

  /**
   * Brings the worker to the desired state; resolves once it is there.
   * @param isFresh its worker comes from the warm pool and is connected
   * @throws AppError `runtime.unavailable` or `database.failed`; the attempt is repeated in the background.
   */
  async converge(id: DatabaseId, isFresh = false): Promise<void> {
    if (this.#o.leadership.term === null) return this.#settledElsewhere(id)
    try {
      await this.#queue.run(id, () => this.#converge(id, isFresh))
    } catch (error) {
      if (!(error instanceof NotLeadingError)) throw error
      await this.#settledElsewhere(id)
    }
  }

  /** Tells the worker what it goes by now; one that is not connected is told as soon as it is. */
  reconfigure(id: DatabaseId): Promise<void> {
    return this.#o.reconciler.reconfigure(id)
  }

  /** Ends the worker and has another one take its place; whoever dies in between, the row says so. */
  async restart(id: DatabaseId): Promise<void> {
    const row = this.#o.catalog.get(id)
    if (!row) return
    await this.#o.catalog.update(id, { generation: row.generation + 1, state: 'stopping' })
    await this.converge(id)
  }

  /** A worker gives no sign of life, though its connection stands: it is replaced. */
  replaceSilent(id: DatabaseId): void {
    if (!this.#shouldRun(id) || this.#o.leadership.term === null) return
    this.#o.log.warn({ databaseId: id }, 'the worker gives no sign of life; it is restarted')
    const replaced = this.#queue.run(id, async () => {
      this.#o.links.drop(id)
      await this.#o.catalog.update(id, { state: 'stopping' })
      await this.#o.runtime.stop(id, { graceMs: SILENT_GRACE_MS }).catch(() => {})
      await this.#converge(id)
    })
    this.#settle(id, replaced)
  }

  /** A worker's connection was lost, or it could not be reached: see to it now. */
  revive(id: DatabaseId): void {
    if (!this.#shouldRun(id) || this.#retries.has(id) || this.#o.leadership.term === null) return
    const waitMs = this.#backoff.lost(id)
    if (waitMs === 0) this.attempt(id)
    else if (waitMs !== null) this.#hold(id, waitMs)
  }

  /** Puts a database to sleep, unless a client has come in or it should not run in the first place. */
  async putToSleep(id: DatabaseId): Promise<void> {
    const isUp = ({ desired, state }: DatabaseRow) => desired === 'running' && state === 'running'
    if (await this.#o.catalog.updateIf(id, isUp, { desired: 'asleep' })) await this.converge(id)
  }

  /**
   * The link to a database that should run; undefined if `link` must be called. Counts as its use.
   * @throws AppError when it should not run.
   */
  current(row: DatabaseRow): WorkerLink | undefined {
    if (row.desired !== 'running' && row.desired !== 'asleep')
      throw new AppError('database.stopped', `“${row.name}” is ${row.desired}; start it first`)
    this.#o.activity.used(row.id)
    return row.desired === 'running' ? this.#o.links.current(row.id) : undefined
  }

  /**
   * The link to a database that should run: one that sleeps is woken, one that is just starting is waited for.
   * @throws AppError
   */
  async link(row: DatabaseRow): Promise<WorkerLink> {
    for (let left = TRIES; ; left--) {
      const now = this.#o.catalog.get(row.id)
      if (!now || now.deletedAt !== null)
        throw new AppError('database.not_found', `“${row.name}” has been deleted`)
      const open = this.current(now)
      if (open) return open
      if (this.#retries.has(row.id) && now.desired === 'running') throw failed(now)
      await this.#wake(now)
      try {
        return await this.#o.links.connect(row.id)
      } catch (cause) {
        if (left > 1 && (await this.#mayComeUp(row.id))) continue
        throw new AppError('worker.unreachable', undefined, { cause, retryAfterSeconds: 1 })
      }
    }
  }

  /** What the worker says of itself; null if it is not connected, or says nothing. */
  async health(id: DatabaseId): Promise<WorkerHealth | null> {
    const link = this.#o.links.current(id)
    return (await link?.health(HEALTH_MS).catch(() => null)) ?? null
  }

  /** A row has changed, here or at another gateway: wakes who waits for it, and sees to what is still to be done. */
  noticed(id: DatabaseId, elsewhere: boolean): void {
    for (const wake of this.#waiting.get(id) ?? []) wake()
    const row = this.#o.catalog.get(id)
    if (!row || !elsewhere) return
    if (row.desired !== 'running') this.#o.links.drop(id)
    if (this.#o.leadership.term !== null && !isSettled(row)) this.attempt(id)
  }

  /** In the background; failures are logged and tried again. */
  attempt(id: DatabaseId): void {
    if (!this.#stopping.signal.aborted) this.#settle(id, this.converge(id))
  }

  /** Whether an attempt is to come by itself. */
  isHeld(id: DatabaseId): boolean {
    return this.#retries.has(id)
  }

  async #converge(id: DatabaseId, isFresh = false): Promise<void> {
    try {
      await this.#o.reconciler.run(id, isFresh)
      this.#forgetRetry(id)
      if (this.#o.catalog.get(id)?.state === 'running') this.#backoff.up(id)
    } catch (error) {
      const row = this.#o.catalog.get(id)
      if (row && !(error instanceof NotLeadingError)) this.#retry(id, this.#backoff.failed(id))
      throw error
    }
  }

  /** @throws AppError */
  async #wake({ id, desired }: DatabaseRow): Promise<void> {
    if (desired === 'asleep')
      await this.#o.catalog.updateIf(id, (row) => row.desired === 'asleep', { desired: 'running' })
    try {
      await this.converge(id)
    } catch (error) {
      // Nothing was started: it may sleep on until somebody asks again.
      if (error instanceof AppError && error.code === 'platform.full')
        await this.#o.catalog.updateIf(id, isWaking, { desired: 'asleep' })
      throw error
    }
  }

  /** It has fallen asleep again, or the gateway that leads has not yet seen that its worker is gone. */
  async #mayComeUp(id: DatabaseId): Promise<boolean> {
    if (this.#o.catalog.get(id)?.desired === 'asleep') return true
    if (this.#o.leadership.term !== null) return false
    await this.#noticedWithin(id, LOOK_AGAIN_MS)
    return true
  }

  async #settledElsewhere(id: DatabaseId): Promise<void> {
    const { catalog, clock, leadership } = this.#o
    const until = clock.now() + ELSEWHERE_MS
    if (catalog.get(id)?.state === 'failed')
      await catalog.update(id, { state: 'starting', reason: null })
    for (;;) {
      if (leadership.term !== null) return await this.converge(id)
      const row = await catalog.refresh(id)
      if (!row || isSettled(row)) return
      if (row.state === 'failed') throw failed(row)
      if (clock.now() > until || this.#stopping.signal.aborted)
        throw new AppError('runtime.unavailable', 'The gateway that leads has not seen to it yet', {
          retryAfterSeconds: 5,
        })
      await this.#noticedWithin(id, LOOK_AGAIN_MS)
    }
  }

  #noticedWithin(id: DatabaseId, ms: number): Promise<void> {
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(id) ?? new Set()
      this.#waiting.set(id, waiting)
      const wake = () => {
        cancel()
        waiting.delete(wake)
        if (waiting.size === 0) this.#waiting.delete(id)
        resolve()
      }
      const cancel = this.#o.clock.after(ms, wake)
      waiting.add(wake)
    })
  }

  #shouldRun(id: DatabaseId): boolean {
    return this.#o.catalog.get(id)?.desired === 'running' && !this.#stopping.signal.aborted
  }

  /** A worker that keeps ending is given time before it is started again. */
  #hold(id: DatabaseId, waitMs: number): void {
    this.#retry(id, waitMs)
    const reason = 'The worker ended several times in a row; it is started again in a moment'
    void this.#queue.run(id, () => this.#o.catalog.update(id, { state: 'failed', reason }))
  }

  #settle(id: DatabaseId, attempt: Promise<void>): void {
    attempt.catch((error: unknown) => {
      if (!(error instanceof AppError))
        this.#o.log.error({ databaseId: id, err: error }, 'converge failed')
    })
  }

  #retry(id: DatabaseId, waitMs: number): void {
    if (this.#stopping.signal.aborted) return
    this.#retries.get(id)?.()
    const cancel = this.#o.clock.after(waitMs, () => {
      this.#retries.delete(id)
      this.attempt(id)
    })
    this.#retries.set(id, cancel)
  }

  #forgetRetry(id: DatabaseId): void {
    this.#retries.get(id)?.()
    this.#retries.delete(id)
  }

  #onEvent(event: WorkerEvent): void {
    if (event.type === 'gap') {
      this.#o.onGap()
      return
    }
    const row = this.#o.catalog.get(event.databaseId)
    if (!row || event.type === 'started') return
    this.#o.log.info({ databaseId: row.id, event: event.type }, 'worker event')
    if (!this.#o.links.current(row.id)) this.revive(row.id)
  }
}

const isWaking = ({ desired, state }: DatabaseRow) => desired === 'running' && state === 'asleep'

const failed = (row: DatabaseRow) =>
  new AppError('database.failed', row.reason ?? undefined, { retryAfterSeconds: 5 })
