import type { DatabaseId } from '@db-forge/contract'

const FIRST_MS = 250
const LONGEST_MS = 30_000
/** A worker that stayed up this long starts with a clean slate. */
const SETTLED_MS = 60_000

interface History {
  failures: number
  upSince: number | undefined
}

/**
 * How long to wait before a worker is started again: not at all at first, then twice as long each time it does
 * not stay up. Times are of the monotonic clock.
 */
export class RestartBackoff {
  readonly #histories = new Map<DatabaseId, History>()
  readonly #now: () => number

  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  /** The worker is up. */
  up(id: DatabaseId): void {
    const history = this.#histories.get(id)
    if (history) history.upSince ??= this.#now()
    else this.#histories.set(id, { failures: 0, upSince: this.#now() })
  }

  /**
   * The worker was lost; milliseconds to wait before it is started. The first three times: none. Null when its
   * loss is known already: several signs may tell of one.
   */
  lost(id: DatabaseId): number | null {
    if (this.#histories.get(id)?.upSince === undefined) return null
    const history = this.#settle(id)
    history.failures += 1
    return history.failures <= 3 ? 0 : waitFor(history.failures - 3)
  }

  /** A start failed; milliseconds to wait before the next. */
  failed(id: DatabaseId): number {
    const history = this.#settle(id)
    history.failures += 1
    return waitFor(history.failures)
  }

  #settle(id: DatabaseId): History {
    const known = this.#histories.get(id)
    const settled = known?.upSince !== undefined && this.#now() - known.upSince >= SETTLED_MS
    const history: History = { failures: settled ? 0 : (known?.failures ?? 0), upSince: undefined }
    this.#histories.set(id, history)
    return history
  }
}

const waitFor = (failures: number) => Math.min(FIRST_MS * 2 ** (failures - 1), LONGEST_MS)
