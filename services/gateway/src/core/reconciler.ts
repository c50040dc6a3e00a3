import type { DatabaseId, ErrorCode } from '@db-forge/contract'
import type { EngineRegistry } from '../engines/engine-recipe.ts'
import {
  EngineUnavailableError,
  RuntimeUnavailableError,
  type WorkerRuntime,
  WorkerStartError,
} from '../runtime/worker-runtime.ts'
import type { DatabaseRow } from '../store/metadata-store.ts'
import { WorkerFailure } from '../worker-link/link-errors.ts'
import type { WorkerLink } from '../worker-link/worker-link.ts'
import type { WorkerLinks } from '../worker-link/worker-links.ts'
import { AppError } from './app-error.ts'
import type { Catalog } from './catalog.ts'
import { type Leadership, NotLeadingError } from './leadership.ts'
import type { StartGate } from './start-gate.ts'
import type { CoreLog } from './telemetry.ts'

export interface ReconcilerOptions {
  readonly catalog: Catalog
  readonly runtime: WorkerRuntime
  readonly engines: EngineRegistry
  readonly links: Pick<WorkerLinks, 'current' | 'connect' | 'drop'>
  readonly gate: StartGate
  readonly leadership: Pick<Leadership, 'term'>
  readonly log: CoreLog
  /** Runs `start` once there may be one more worker. @throws AppError `platform.full` */
  readonly withRoom: (id: DatabaseId, start: () => Promise<void>) => Promise<void>
  /** Why workers take nothing that grows. */
  readonly readOnly: () => 'disk' | null
  /** Whether a client has work under way in it. */
  readonly isBusy: (id: DatabaseId) => boolean
}

/** Whether what was last seen is what is wanted. */
export function isSettled({ desired, state }: DatabaseRow): boolean {
  return desired === state
}

/**
 * Makes one database what its row says it should be. Every step is safe to repeat, and the row tells at each moment
 * what is still to be done: a gateway that dies anywhere in here is continued by the next one.
 */
export class Reconciler {
  readonly #o: ReconcilerOptions

  constructor(options: ReconcilerOptions) {
    this.#o = options
  }

  /**
   * @param isFresh its worker was taken from the warm pool and is connected
   * @throws AppError `runtime.unavailable`, `engine.unavailable`, `database.failed`, `platform.full`
   * @throws NotLeadingError
   */
  async run(id: DatabaseId, isFresh = false): Promise<void> {
    const row = this.#o.catalog.get(id)
    if (!row) return
    const step = this.#stepsOf(id)
    switch (row.desired) {
      case 'running':
        return this.#bringUp(row, step, isFresh)
      case 'asleep':
        return this.#putToSleep(row, step)
      case 'stopped':
        return this.#takeDown(row, 'stopped', step, () => this.#o.runtime.stop(id))
      case 'pruned':
        return this.#takeDown(row, 'pruned', step, () => this.#o.runtime.remove(id))
      case 'deleted':
        return this.#takeDown(row, 'deleted', step, () => this.#o.runtime.remove(id))
      case 'purged':
        this.#o.links.drop(id)
        await step(() => this.#o.runtime.remove(id))
        await step(() => this.#o.runtime.removeData(id))
        await step(() => this.#o.catalog.delete(id))
    }
  }

  /** One whose worker has just been lost has its room still. */
  #bringUp(row: DatabaseRow, step: Step, isFresh: boolean): Promise<void> {
    const start = () => this.#start(row, step, isFresh)
    return row.state === 'running' ? start() : this.#o.withRoom(row.id, start)
  }

  async #start(row: DatabaseRow, step: Step, isFresh: boolean): Promise<void> {
    const { catalog, runtime, links, engines, gate } = this.#o
    const spec = engines[row.engine].workerSpec(row)
    const isUp = () => links.current(row.id)?.welcome.specHash === spec.hash
    if (!isUp() || row.state !== 'running')
      await step(() => catalog.update(row.id, { state: 'starting' }))
    if (!isFresh || !isUp()) {
      await gate.run('foreground', () => step(() => runtime.ensure(spec)))
      if (!isUp()) links.drop(row.id)
    }
    const link = await step(() => this.#connect(row))
    const { engineVersion } = link.welcome
    await step(() => catalog.update(row.id, { state: 'running', reason: null, engineVersion }))
  }

  /** Tells the worker what it goes by now; one that is not connected is told as soon as it is. */
  async reconfigure(id: DatabaseId): Promise<void> {
    const row = this.#o.catalog.get(id)
    const link = this.#o.links.current(id)
    if (row && link && this.#o.leadership.term !== null) await this.#configure(link, row)
  }

  async #connect(row: DatabaseRow): Promise<WorkerLink> {
    const link = await this.#o.links.connect(row.id)
    await this.#configure(link, row)
    return link
  }

  async #configure(link: WorkerLink, { name, limits }: DatabaseRow): Promise<void> {
    const { term } = this.#o.leadership
    if (term === null) throw new NotLeadingError()
    await link.settings.configure({
      term,
      maxSizeMb: limits.maxSizeMb,
      readOnly: this.#o.readOnly(),
      databaseName: name,
      sessionQueryTimeoutMs: limits.sessionQueryTimeoutMs,
    })
  }

  /** Whoever has come in since it was found idle is not disturbed. */
  async #putToSleep(row: DatabaseRow, step: Step): Promise<void> {
    if (row.state === 'running' && this.#o.isBusy(row.id)) {
      await step(() =>
        this.#o.catalog.updateIf(row.id, ({ desired }) => desired === 'asleep', {
          desired: 'running',
        }),
      )
      return
    }
    await this.#takeDown(row, 'asleep', step, () => this.#o.runtime.remove(row.id))
  }

  async #takeDown(
    row: DatabaseRow,
    state: 'asleep' | 'stopped' | 'pruned' | 'deleted',
    step: Step,
    end: () => Promise<void>,
  ): Promise<void> {
    const { catalog, links } = this.#o
    links.drop(row.id)
    if (row.state !== state)
      await step(() =>
        catalog.update(row.id, { state: state === 'deleted' ? 'deleting' : 'stopping' }),
      )
    await step(end)
    await step(() => catalog.update(row.id, { state, reason: null }))
  }

  /** Runs one step while this gateway leads; its failure becomes the database's reason and the caller's error. */
  #stepsOf(id: DatabaseId): Step {
    const { leadership } = this.#o
    const { term } = leadership
    return async (act) => {
      if (term === null || leadership.term !== term) throw new NotLeadingError()
      try {
        return await act()
      } catch (error) {
        if (leadership.term !== term || isStale(error)) throw new NotLeadingError()
        throw await this.#failure(id, error)
      }
    }
  }

  async #failure(id: DatabaseId, error: unknown): Promise<Error> {
    if (error instanceof AppError) return error
    const unavailable = error instanceof RuntimeUnavailableError
    const reason = unavailable ? 'The container runtime does not answer' : (error as Error).message
    const logTail = error instanceof WorkerStartError ? error.logTail : undefined
    this.#o.log.warn(
      { databaseId: id, err: error, logTail },
      'database did not reach its desired state',
    )
    const failing = this.#o.catalog.get(id)?.desired === 'running' && !unavailable
    await this.#o.catalog.update(id, failing ? { state: 'failed', reason } : { reason })
    return new AppError(codeOf(error), unavailable ? undefined : reason, {
      cause: error,
      retryAfterSeconds: 5,
    })
  }
}

/** The worker has been told by a gateway that came to lead since. */
const isStale = (error: unknown): boolean =>
  error instanceof WorkerFailure && error.failure.code === 'gateway.stale'

type Step = <T>(act: () => Promise<T>) => Promise<T>

function codeOf(error: unknown): ErrorCode {
  if (error instanceof RuntimeUnavailableError) return 'runtime.unavailable'
  return error instanceof EngineUnavailableError ? 'engine.unavailable' : 'database.failed'
}
