import type { DatabaseId, ErrorCode } from '@db-forge/contract'
import type { ConfigureCommand, WorkerHealth } from '@db-forge/contract/wire'
import type { EngineRegistry } from '../engines/engine-recipe.ts'
import { KeyedQueue } from '../keyed-queue.ts'
import {
  EngineUnavailableError,
  RuntimeUnavailableError,
  type WorkerEvent,
  type WorkerRuntime,
  WorkerStartError,
} from '../runtime/worker-runtime.ts'
import type { DatabaseRow } from '../store/metadata-store.ts'
import type { WorkerLink } from '../worker-link/worker-link.ts'
import type { WorkerLinks } from '../worker-link/worker-links.ts'
import { AppError } from './app-error.ts'
import type { Catalog } from './catalog.ts'
import { RestartBackoff } from './restart-backoff.ts'
import type { CoreLog } from './telemetry.ts'

const RESYNC_MS = 30_000
const STARTS_IN_PARALLEL = 4
/** A worker that says nothing will not end by being asked to. */
const SILENT_GRACE_MS = 500
const HEALTH_MS = 1000

export interface LifecycleOptions {
  readonly catalog: Catalog
  readonly runtime: WorkerRuntime
  readonly engines: EngineRegistry
  readonly links: WorkerLinks
  readonly log: CoreLog
  /** Which term of leadership this gateway is in. */
  readonly term: () => number
  /** Why workers take nothing that grows. */
  readonly readOnly: () => 'disk' | null
}

/**
 * Makes what is so into what was asked for. A use case writes the desired state to the catalog and calls
 * `converge`; whatever goes wrong between is repaired by the same function, called by events and by a slow
 * resync. Work on one database is done one after another.
 */
export class Lifecycle {
  readonly #o: LifecycleOptions
  readonly #queue = new KeyedQueue<DatabaseId>()
  readonly #backoff = new RestartBackoff()
  readonly #retries = new Map<DatabaseId, NodeJS.Timeout>()
  readonly #stopping = new AbortController()
  #resyncTimer: NodeJS.Timeout | undefined

  constructor(options: LifecycleOptions) {
    this.#o = options
  }

  /** Finds or starts every database that should run, without waiting for them, and goes on watching. */
  start(): void {
    this.#o.runtime.watch((event) => this.#onEvent(event), { signal: this.#stopping.signal })
    void this.#resync()
  }

  /** Lets what is under way end. Workers go on where the runtime lets them. */
  async close(): Promise<void> {
    this.#stopping.abort()
    clearTimeout(this.#resyncTimer)
    for (const timer of this.#retries.values()) clearTimeout(timer)
    await this.#queue.idle()
    this.#o.links.close()
    await this.#o.runtime.close()
  }

  /**
   * Brings the worker to the desired state; resolves once it is there.
   * @throws AppError `runtime.unavailable` or `database.failed`; the attempt is repeated in the background.
   */
  converge(id: DatabaseId): Promise<void> {
    return this.#queue.run(id, () => this.#converge(id))
  }

  /** Tells the worker what it goes by now; one that is not connected is told as soon as it is. */
  async reconfigure(id: DatabaseId): Promise<void> {
    const row = this.#o.catalog.get(id)
    if (row) await this.#o.links.current(id)?.settings.configure(this.#settings(row))
  }

  /** Ends the worker, then starts it anew. */
  restart(id: DatabaseId, graceMs?: number): Promise<void> {
    return this.#queue.run(id, async () => {
      this.#o.links.drop(id)
      await this.#o.catalog.update(id, { state: 'stopping' })
      await this.#translate(id, () =>
        this.#o.runtime.stop(id, graceMs === undefined ? {} : { graceMs }),
      )
      await this.#converge(id)
    })
  }

  /** A worker gives no sign of life, though its connection stands: it is replaced. */
  replaceSilent(id: DatabaseId): void {
    const row = this.#o.catalog.get(id)
    if (row?.desired !== 'running' || this.#stopping.signal.aborted) return
    this.#o.log.warn({ databaseId: id }, 'the worker gives no sign of life; it is restarted')
    this.#settle(id, this.restart(id, SILENT_GRACE_MS))
  }

  /** A worker's connection was lost, or it could not be reached: see to it now. */
  wake(id: DatabaseId): void {
    const row = this.#o.catalog.get(id)
    if (row?.desired !== 'running' || this.#stopping.signal.aborted || this.#retries.has(id)) return
    const waitMs = this.#backoff.lost(id)
    if (waitMs === 0) this.#attempt(id)
    else if (waitMs !== null) this.#hold(id, waitMs)
  }

  /** A worker that keeps ending is given time before it is started again. */
  #hold(id: DatabaseId, waitMs: number): void {
    this.#retry(id, waitMs)
    const reason = 'The worker ended several times in a row; it is started again in a moment'
    void this.#queue.run(id, () => this.#o.catalog.update(id, { state: 'failed', reason }))
  }

  /**
   * The link to a database that should run; undefined if `link` must be called.
   * @throws AppError when it should not.
   */
  current(row: DatabaseRow): WorkerLink | undefined {
    if (row.desired !== 'running')
      throw new AppError('database.stopped', `“${row.name}” is ${row.desired}; start it first`)
    return this.#o.links.current(row.id)
  }

  /**
   * The link to a database that should run, waiting for its worker if that is just starting.
   * @throws AppError
   */
  async link(row: DatabaseRow): Promise<WorkerLink> {
    const open = this.current(row)
    if (open) return open
    if (this.#retries.has(row.id)) throw failed(row)
    await this.converge(row.id)
    return this.#o.links.connect(row.id).catch((cause) => {
      throw new AppError('worker.unreachable', undefined, { cause, retryAfterSeconds: 1 })
    })
  }

  /** What the worker says of itself; null if it is not connected, or says nothing. */
  async health(id: DatabaseId): Promise<WorkerHealth | null> {
    const link = this.#o.links.current(id)
    return (await link?.health(HEALTH_MS).catch(() => null)) ?? null
  }

  async #converge(id: DatabaseId): Promise<void> {
    const row = this.#o.catalog.get(id)
    if (!row) return
    const { catalog, runtime, links } = this.#o
    switch (row.desired) {
      case 'running':
        return await this.#bringUp(row)
      case 'stopped':
        links.drop(id)
        if (row.state !== 'stopped' && row.state !== 'pruned')
          await catalog.update(id, { state: 'stopping' })
        await this.#translate(id, () => runtime.stop(id))
        await catalog.update(id, { state: 'stopped', reason: null })
        return
      case 'pruned':
        links.drop(id)
        if (row.state !== 'pruned') await catalog.update(id, { state: 'stopping' })
        await this.#translate(id, () => runtime.remove(id))
        await catalog.update(id, { state: 'pruned', reason: null })
        return
      case 'deleted':
        links.drop(id)
        this.#forgetRetry(id)
        await this.#translate(id, () => runtime.remove(id))
        await this.#translate(id, () => runtime.removeData(id))
        await catalog.delete(id)
    }
  }

  async #bringUp(row: DatabaseRow): Promise<void> {
    const { catalog, runtime, links, engines } = this.#o
    const wasUp = row.state === 'running' && links.current(row.id) !== undefined
    if (!wasUp) await catalog.update(row.id, { state: 'starting' })
    const spec = engines[row.engine].workerSpec(row)
    await this.#translate(row.id, () => runtime.ensure(spec))
    if (links.current(row.id)?.welcome.specHash !== spec.hash) links.drop(row.id)
    const link = await this.#translate(row.id, () => this.#connect(row))
    this.#forgetRetry(row.id)
    this.#backoff.up(row.id)
    await catalog.update(row.id, {
      state: 'running',
      reason: null,
      engineVersion: link.welcome.engineVersion,
    })
  }

  /** Tells the worker what it goes by while it runs. */
  async #connect(row: DatabaseRow): Promise<WorkerLink> {
    const link = await this.#o.links.connect(row.id)
    await link.settings.configure(this.#settings(row))
    return link
  }

  #settings({ name, limits }: DatabaseRow): ConfigureCommand {
    return {
      term: this.#o.term(),
      maxSizeMb: limits.maxSizeMb,
      readOnly: this.#o.readOnly(),
      databaseName: name,
      sessionQueryTimeoutMs: limits.sessionQueryTimeoutMs,
    }
  }

  /** Runs one step against the runtime; its failure becomes the database's reason and the caller's error. */
  async #translate<T>(id: DatabaseId, step: () => Promise<T>): Promise<T> {
    try {
      return await step()
    } catch (error) {
      const row = this.#o.catalog.get(id)
      const unavailable = error instanceof RuntimeUnavailableError
      const reason = unavailable
        ? 'The container runtime does not answer'
        : (error as Error).message
      const logTail = error instanceof WorkerStartError ? error.logTail : undefined
      this.#o.log.warn(
        { databaseId: id, err: error, logTail },
        'database did not reach its desired state',
      )
      const failing = row?.desired === 'running' && !unavailable
      await this.#o.catalog.update(id, failing ? { state: 'failed', reason } : { reason })
      if (row && row.desired !== 'deleted') this.#retry(id, this.#backoff.failed(id))
      throw new AppError(codeOf(error), unavailable ? undefined : reason, {
        cause: error,
        retryAfterSeconds: 5,
      })
    }
  }

  #attempt(id: DatabaseId): void {
    this.#settle(id, this.converge(id))
  }

  #settle(id: DatabaseId, attempt: Promise<void>): void {
    attempt.catch((error: unknown) => {
      if (!(error instanceof AppError))
        this.#o.log.error({ databaseId: id, err: error }, 'converge failed')
    })
  }

  #retry(id: DatabaseId, waitMs: number): void {
    if (this.#stopping.signal.aborted) return
    clearTimeout(this.#retries.get(id))
    this.#retries.set(
      id,
      setTimeout(() => {
        this.#retries.delete(id)
        this.#attempt(id)
      }, waitMs).unref(),
    )
  }

  #forgetRetry(id: DatabaseId): void {
    clearTimeout(this.#retries.get(id))
    this.#retries.delete(id)
  }

  #onEvent(event: WorkerEvent): void {
    const row = this.#o.catalog.get(event.databaseId)
    if (!row || event.type === 'started') return
    this.#o.log.info({ databaseId: row.id, event: event.type }, 'worker event')
    if (!this.#o.links.current(row.id)) this.wake(row.id)
  }

  /** Compares everything with everything: repairs whatever events have missed. */
  async #resync(): Promise<void> {
    try {
      const running = new Set<DatabaseId>()
      for (const worker of await this.#o.runtime.list()) {
        if (!this.#o.catalog.get(worker.databaseId)) await this.#removeOrphan(worker.databaseId)
        else if (worker.state.status === 'running') running.add(worker.databaseId)
      }
      await this.#convergeAll(this.#o.catalog.all().filter((row) => !isThere(row, running)))
    } catch (error) {
      this.#o.log.warn({ err: error }, 'resync failed')
    }
    if (!this.#stopping.signal.aborted)
      this.#resyncTimer = setTimeout(() => void this.#resync(), RESYNC_MS).unref()
  }

  async #removeOrphan(id: DatabaseId): Promise<void> {
    this.#o.log.warn({ databaseId: id }, 'removing a worker that no database owns; its data stay')
    await this.#queue.run(id, () => this.#o.runtime.remove(id))
  }

  async #convergeAll(rows: readonly DatabaseRow[]): Promise<void> {
    const waiting = rows.filter((row) => !this.#retries.has(row.id))
    const worker = async () => {
      for (let row = waiting.shift(); row; row = waiting.shift()) {
        if (this.#stopping.signal.aborted) return
        await this.converge(row.id).catch(() => {})
      }
    }
    await Promise.all(Array.from({ length: STARTS_IN_PARALLEL }, worker))
  }
}

function isThere(row: DatabaseRow, running: ReadonlySet<DatabaseId>): boolean {
  if (row.desired === 'running') return row.state === 'running' && running.has(row.id)
  return row.state === row.desired && !running.has(row.id)
}

function codeOf(error: unknown): ErrorCode {
  if (error instanceof RuntimeUnavailableError) return 'runtime.unavailable'
  return error instanceof EngineUnavailableError ? 'engine.unavailable' : 'database.failed'
}

const failed = (row: DatabaseRow) =>
  new AppError('database.failed', row.reason ?? undefined, { retryAfterSeconds: 5 })
