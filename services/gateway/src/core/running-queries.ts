import type { DatabaseId, RunningQuery as RunningQueryInfo } from '@db-forge/contract'
import type { LinkRequest } from '../worker-link/link-request.ts'
import { StreamRequest } from '../worker-link/stream-request.ts'
import type { WorkerLink } from '../worker-link/worker-link.ts'
import { AppError } from './app-error.ts'

const SHOWN_SQL_LENGTH = 1000

export interface RunningFacts {
  readonly id: string
  readonly kind: RunningQueryInfo['kind']
  readonly sql: string
  readonly timeoutMs: number
  readonly by: string
  readonly transaction: string | null
}

/** What a database is asked, from the arrival of the request until its end. */
export class RunningQuery {
  readonly database: DatabaseId
  readonly facts: RunningFacts
  readonly startedAt = performance.now()
  cancelling = false
  #link: WorkerLink | undefined
  #request: LinkRequest | undefined
  #onCancel: (() => void) | undefined
  #waiters: (() => void)[] | undefined

  constructor(database: DatabaseId, facts: RunningFacts) {
    this.database = database
    this.facts = facts
  }

  get deadline(): number {
    return this.startedAt + this.facts.timeoutMs
  }

  /** It is on its way to the worker. */
  attach(link: WorkerLink, request: LinkRequest): void {
    this.#link = link
    this.#request = request
    if (this.cancelling) link.cancel(request)
  }

  cancel(): void {
    this.cancelling = true
    if (this.#request) this.#link?.cancel(this.#request)
    else this.#onCancel?.()
  }

  /** Calls back when it is cancelled before it is on its way. */
  whenCancelled(act: () => void): void {
    this.#onCancel = act
    if (this.cancelling) act()
  }

  ended(): Promise<void> {
    this.#waiters ??= []
    return new Promise((resolve) => this.#waiters?.push(resolve))
  }

  end(): void {
    for (const wake of this.#waiters ?? []) wake()
  }

  present(now: number): RunningQueryInfo {
    const { sql, ...facts } = this.facts
    const elapsedMs = now - this.startedAt
    return {
      ...facts,
      sql: sql.slice(0, SHOWN_SQL_LENGTH),
      startedAt: new Date(Date.now() - elapsedMs).toISOString(),
      elapsedMs: Math.round(elapsedMs * 1000) / 1000,
      rows: this.#request instanceof StreamRequest ? this.#request.rows : 0,
      cancelling: this.cancelling,
    }
  }
}

/** All that runs, by database and id. */
export class RunningQueries {
  readonly #byDatabase = new Map<DatabaseId, Map<string, RunningQuery>>()
  #count = 0

  get count(): number {
    return this.#count
  }

  /** @throws AppError `query.conflict` when a query of this id is under way. */
  open(database: DatabaseId, facts: RunningFacts): RunningQuery {
    let queries = this.#byDatabase.get(database)
    if (!queries) {
      queries = new Map()
      this.#byDatabase.set(database, queries)
    }
    if (queries.has(facts.id)) throw new AppError('query.conflict', `“${facts.id}”`)
    const running = new RunningQuery(database, facts)
    queries.set(facts.id, running)
    this.#count += 1
    return running
  }

  close(running: RunningQuery): void {
    if (!this.#byDatabase.get(running.database)?.delete(running.facts.id)) return
    this.#count -= 1
    running.end()
  }

  has(database: DatabaseId): boolean {
    return (this.#byDatabase.get(database)?.size ?? 0) > 0
  }

  list(database: DatabaseId): RunningQueryInfo[] {
    const now = performance.now()
    return [...(this.#byDatabase.get(database)?.values() ?? [])].map((query) => query.present(now))
  }

  /** Resolves once it has ended. @throws AppError `query.not_found` */
  async cancel(database: DatabaseId, id: string): Promise<void> {
    const running = this.#byDatabase.get(database)?.get(id)
    if (!running) throw new AppError('query.not_found', `“${id}”`)
    const ended = running.ended()
    running.cancel()
    await ended
  }

  /** The database is gone. */
  forget(database: DatabaseId): void {
    if (this.#byDatabase.get(database)?.size === 0) this.#byDatabase.delete(database)
  }
}
