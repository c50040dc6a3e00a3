import type { DatabaseId } from '@db-forge/contract'
import type { Clock } from '../clock.ts'

/** Other gateways hear of a database's use at most so often. */
const TELL_EVERY_MS = 5_000

/** When each database was last asked something by a client. What the platform itself asks does not count. */
export class Activity {
  readonly #clock: Clock
  readonly #tell: (id: DatabaseId) => void
  readonly #usedAt = new Map<DatabaseId, number>()
  readonly #toldAt = new Map<DatabaseId, number>()

  /** @param tell lets other gateways know */
  constructor(clock: Clock, tell: (id: DatabaseId) => void) {
    this.#clock = clock
    this.#tell = tell
  }

  used(id: DatabaseId): void {
    const now = this.#clock.now()
    this.#usedAt.set(id, now)
    if (now - (this.#toldAt.get(id) ?? Number.NEGATIVE_INFINITY) < TELL_EVERY_MS) return
    this.#toldAt.set(id, now)
    this.#tell(id)
  }

  /** Another gateway says so. */
  usedElsewhere(id: DatabaseId): void {
    this.#usedAt.set(id, this.#clock.now())
  }

  /** Milliseconds since it was used; of a database that has not been, since this was first asked. */
  idleMs(id: DatabaseId): number {
    const now = this.#clock.now()
    const at = this.#usedAt.get(id)
    if (at === undefined) this.#usedAt.set(id, now)
    return at === undefined ? 0 : now - at
  }

  forget(id: DatabaseId): void {
    this.#usedAt.delete(id)
    this.#toldAt.delete(id)
  }
}
