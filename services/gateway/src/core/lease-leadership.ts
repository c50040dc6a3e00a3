import { randomUUID } from 'node:crypto'
import type { Clock } from '../clock.ts'
import type { Lease, LeaseRepo } from '../store/metadata-store.ts'
import type { Leadership } from './leadership.ts'
import type { CoreLog } from './telemetry.ts'

const LEASE = 'leader'
/** A lease that has not been renewed for so long may be taken over. */
const TTL_MS = 6_000
/** So much sooner its owner stands down by itself. */
const MARGIN_MS = 2_000
const RENEW_MS = 2_000
/** After a renewal that failed. */
const RETRY_MS = 500
const POLL_MS = 1_000

export interface LeaseLeadershipOptions {
  readonly leases: LeaseRepo
  readonly clock: Clock
  /** No other gateway can use the store: whoever leads has ended, and a term lasts until the end. */
  readonly exclusive: boolean
  readonly log: CoreLog
}

/** A term, and until when it lasts by this gateway's own clock. */
interface Held {
  readonly lease: Lease
  readonly until: number
}

/** A lease as it was seen, and since when it has been so. */
interface Seen {
  readonly lease: Lease
  readonly since: number
}

/**
 * One gateway at a time leads. Only durations on each one's own monotonic clock count: who waits counts from when it has
 * seen the lease, which is after it was renewed; who leads counts from when it asked for the renewal, which is before,
 * and less. So a leader has stood down before another one can follow, also if it stood still meanwhile, since the clock is
 * asked whenever the term is read. What was begun before is told apart by its term, which rises.
 */
export class LeaseLeadership implements Leadership {
  readonly #o: LeaseLeadershipOptions
  readonly #owner = randomUUID()
  readonly #listeners = new Set<(term: number | null) => void>()
  readonly #closing = new AbortController()
  #held: Held | null = null
  #seen: Seen | null = null
  #cancelExpiry = () => {}
  #running: Promise<void> = Promise.resolve()

  constructor(options: LeaseLeadershipOptions) {
    this.#o = options
  }

  get term(): number | null {
    return this.#held && this.#o.clock.now() < this.#held.until ? this.#held.lease.fence : null
  }

  start(): Promise<void> {
    return new Promise((resolve) => {
      this.#running = this.#run(() => {
        if (!this.#o.exclusive || this.#held) resolve()
      }).then(resolve)
    })
  }

  onChange(listener: (term: number | null) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.#running
    const lease = this.#held?.lease
    this.#standDown()
    if (lease)
      await this.#o.leases
        .release(lease)
        .catch((error: unknown) => this.#o.log.warn({ err: error }, 'could not let go of the lead'))
  }

  async #run(onAttempt: () => void): Promise<void> {
    const { signal } = this.#closing
    while (!signal.aborted) {
      const waitMs = await this.#step().catch((error: unknown) => {
        this.#o.log.warn({ err: error }, 'the store did not answer about who leads')
        return this.#held ? RETRY_MS : POLL_MS
      })
      onAttempt()
      // Alone, it has nothing more to see to.
      if (this.#held && this.#o.exclusive) return
      await this.#o.clock.sleep(waitMs, signal).catch(() => {})
    }
  }

  /** Returns for how long nothing need be done. */
  async #step(): Promise<number> {
    // A term that is over is not taken up again, though nobody may have followed.
    if (this.#held && this.term === null) this.#standDown()
    return this.#held ? await this.#renew(this.#held) : await this.#tryToLead()
  }

  async #renew({ lease }: Held): Promise<number> {
    const asked = this.#o.clock.now()
    const renewed = await this.#o.leases.renew(lease)
    if (this.term === null) return 0
    if (renewed) {
      this.#hold(renewed, asked)
      return RENEW_MS
    }
    const found = await this.#o.leases.find(LEASE)
    if (this.term === null) return 0
    // A renewal whose answer was lost has changed the beat.
    if (found?.owner === this.#owner && found.fence === lease.fence && this.#held)
      this.#held = { ...this.#held, lease: found }
    else this.#standDown()
    return 0
  }

  async #tryToLead(): Promise<number> {
    const { leases, clock } = this.#o
    const found = await leases.find(LEASE)
    const now = clock.now()
    if (found && !(this.#seen && isSame(this.#seen.lease, found)))
      this.#seen = { lease: found, since: now }
    if (found && !this.#isFree(found, now)) return POLL_MS
    const taken = await leases.take(LEASE, this.#owner, found)
    if (!taken) return POLL_MS
    this.#seen = null
    this.#hold(taken, now)
    // An answer may come so late that the term is over before it has begun.
    if (this.term === null) return 0
    this.#o.log.info({ term: taken.fence }, 'this gateway leads')
    this.#tell(this.term)
    return RENEW_MS
  }

  /** Its own lease is one that it stood down from. */
  #isFree({ owner }: Lease, now: number): boolean {
    if (this.#o.exclusive || owner === null || owner === this.#owner) return true
    return this.#seen !== null && now - this.#seen.since >= TTL_MS
  }

  /** @param asked before the store was asked for it */
  #hold(lease: Lease, asked: number): void {
    const lastsMs = this.#o.exclusive ? Number.POSITIVE_INFINITY : TTL_MS - MARGIN_MS
    this.#held = { lease, until: asked + lastsMs }
    if (!this.#o.exclusive) this.#awaitExpiry()
  }

  /** Listeners hear of the end of a term also while the store does not answer. */
  #awaitExpiry(): void {
    this.#cancelExpiry()
    if (!this.#held) return
    if (this.term === null) {
      this.#standDown()
      return
    }
    const leftMs = Math.max(1, this.#held.until - this.#o.clock.now())
    this.#cancelExpiry = this.#o.clock.after(leftMs, () => this.#awaitExpiry())
  }

  #standDown(): void {
    this.#cancelExpiry()
    if (!this.#held) return
    this.#o.log.info({ term: this.#held.lease.fence }, 'this gateway leads no more')
    this.#held = null
    this.#tell(null)
  }

  #tell(term: number | null): void {
    for (const listener of this.#listeners) listener(term)
  }
}

const isSame = (a: Lease, b: Lease) => a.fence === b.fence && a.beat === b.beat
