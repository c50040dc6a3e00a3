import type { DatabaseId } from '@db-forge/contract'
import type { Clock } from '../clock.ts'
import type { DatabaseRow } from '../store/metadata-store.ts'
import type { Activity } from './activity.ts'
import { AppError } from './app-error.ts'
import type { Catalog } from './catalog.ts'
import type { Leadership } from './leadership.ts'
import type { CoreLog } from './telemetry.ts'

const SWEEP_MS = 1_000
const AT_ONCE = 4
const RETRY_AFTER_SECONDS = 5
/** A database that has just come up was asked for by somebody. */
const SPARED_MS = 1_000

export interface IdleSleepOptions {
  readonly catalog: Catalog
  readonly activity: Activity
  readonly clock: Clock
  readonly leadership: Pick<Leadership, 'term'>
  readonly log: CoreLog
  /** Of databases that do not say; 0 for never. */
  readonly sleepAfterMs: number
  /** How many workers of databases may run at once. */
  readonly runningMax: number
  readonly isBusy: (id: DatabaseId) => boolean
  readonly putToSleep: (id: DatabaseId) => Promise<void>
}

/** Puts databases to sleep that nobody asks anything, sooner where more want to run than may. */
export class IdleSleep {
  readonly #o: IdleSleepOptions
  readonly #admitted = new Set<DatabaseId>()
  #cancel: (() => void) | undefined
  #sweeping = false

  constructor(options: IdleSleepOptions) {
    this.#o = options
  }

  start(): void {
    this.#cancel = this.#o.clock.after(SWEEP_MS, () => {
      void this.#sweep()
      this.start()
    })
  }

  close(): void {
    this.#cancel?.()
  }

  /**
   * Runs `start` once there may be one more worker, for which the one that has been idle for longest has to sleep. No
   * lock is held meanwhile: whoever is to sleep may itself be waiting for room.
   * @throws AppError `platform.full` where all of them are at work
   */
  async withRoom<T>(id: DatabaseId, start: () => Promise<T>): Promise<T> {
    const spared = new Set<DatabaseId>([id])
    while (this.#occupied(id) >= this.#o.runningMax) {
      const longest = this.#longestIdle(spared)
      if (!longest)
        throw new AppError('platform.full', `${this.#o.runningMax} databases are at work`, {
          retryAfterSeconds: RETRY_AFTER_SECONDS,
        })
      spared.add(longest.id)
      if (this.#o.isBusy(longest.id)) continue
      this.#o.log.info({ databaseId: longest.id }, 'put to sleep to make room')
      await this.#o.putToSleep(longest.id)
    }
    this.#admitted.add(id)
    try {
      return await start()
    } finally {
      this.#admitted.delete(id)
    }
  }

  /** Those that run, and those that have been let in. */
  #occupied(but: DatabaseId): number {
    const counts = ({ id, state }: DatabaseRow) =>
      id !== but && (state === 'running' || this.#admitted.has(id))
    return this.#o.catalog.all().filter(counts).length
  }

  /** Of those that may sleep at all. */
  #longestIdle(spared: ReadonlySet<DatabaseId>): DatabaseRow | undefined {
    let found: DatabaseRow | undefined
    let longestMs = SPARED_MS
    for (const row of this.#o.catalog.all()) {
      if (spared.has(row.id) || !isUp(row) || this.#afterMs(row) === 0) continue
      const idleMs = this.#o.activity.idleMs(row.id)
      if (idleMs >= longestMs) [found, longestMs] = [row, idleMs]
    }
    return found
  }

  async #sweep(): Promise<void> {
    if (this.#sweeping) return
    this.#sweeping = true
    try {
      this.#countWork()
      if (this.#o.leadership.term === null) return
      const due = this.#o.catalog.all().filter((row) => this.#isDue(row))
      const some = async () => {
        for (let row = due.shift(); row; row = due.shift()) await this.#consider(row)
      }
      await Promise.all(Array.from({ length: AT_ONCE }, some))
    } catch (error) {
      this.#o.log.warn({ err: error }, 'putting idle databases to sleep failed')
    } finally {
      this.#sweeping = false
    }
  }

  /** Whoever leads learns of what is under way here as well. */
  #countWork(): void {
    for (const row of this.#o.catalog.all())
      if (isUp(row) && this.#o.isBusy(row.id)) this.#o.activity.used(row.id)
  }

  #isDue(row: DatabaseRow): boolean {
    if (!isUp(row)) return false
    const afterMs = this.#afterMs(row)
    return afterMs > 0 && this.#o.activity.idleMs(row.id) >= afterMs
  }

  async #consider({ id }: DatabaseRow): Promise<void> {
    if (!this.#o.isBusy(id)) await this.#o.putToSleep(id)
  }

  #afterMs({ limits }: DatabaseRow): number {
    return limits.sleepAfterMs ?? this.#o.sleepAfterMs
  }
}

const isUp = ({ desired, state }: DatabaseRow) => desired === 'running' && state === 'running'
