/**
 * What all threads of a worker know of each other without asking: a few words of shared memory. Times are
 * milliseconds of the kernel's monotonic clock, which is the same in all threads.
 */
import type { Refusal } from './engine/engine.ts'
import { LANE_BYTES, LaneClock } from './lane-clock.ts'

/** Numbers of lanes end here. */
export const LANES_MAX = 16
/** Interactive transactions that read, in all readers together: each holds a connection and a snapshot. */
const READ_TRANSACTIONS_MAX = 4

const WATCHED = 0
const STOPPING = 1
const OVER_QUOTA = 2
const SESSIONS = 3
const READ_TRANSACTIONS = 4
const LARGE_REQUEST = 5
const DISK_FULL = 6
const MAX_SIZE_MB = 7
const WORDS = 8
const WORDS_BYTES = WORDS * 4

export class WorkerState {
  readonly shared: SharedArrayBuffer
  readonly #words: Int32Array
  /** `performance.now()` counts from another moment in each thread, the kernel's clock does not. */
  readonly #offsetMs: number

  constructor(shared = new SharedArrayBuffer(WORDS_BYTES + LANES_MAX * LANE_BYTES)) {
    this.shared = shared
    this.#words = new Int32Array(shared, 0, WORDS)
    const [seconds, nanos] = process.hrtime()
    this.#offsetMs = seconds * 1000 + nanos / 1e6 - performance.now()
  }

  nowMs(): number {
    return performance.now() + this.#offsetMs
  }

  lane(lane: number): LaneClock {
    return new LaneClock(this.shared, WORDS_BYTES + lane * LANE_BYTES)
  }

  /** Whether somebody watches; if not, the control thread has to be woken when something starts. */
  get watched(): boolean {
    return this.#is(WATCHED)
  }

  set watched(yes: boolean) {
    this.#set(WATCHED, yes)
  }

  /** No further request is begun once this is set. */
  get stopping(): boolean {
    return this.#is(STOPPING)
  }

  stop(): void {
    this.#set(STOPPING, true)
  }

  /** The folder, or the data in it, is larger than it may be. */
  get overQuota(): boolean {
    return this.#is(OVER_QUOTA)
  }

  set overQuota(yes: boolean) {
    this.#set(OVER_QUOTA, yes)
  }

  /** The volume has no room for what grows. */
  get diskFull(): boolean {
    return this.#is(DISK_FULL)
  }

  set diskFull(yes: boolean) {
    this.#set(DISK_FULL, yes)
  }

  /** Why nothing that grows is run; null while it is. */
  get refusal(): Refusal | null {
    if (this.overQuota) return 'quota'
    return this.diskFull ? 'disk' : null
  }

  /** What the data may take. */
  get maxSizeMb(): number {
    return Atomics.load(this.#words, MAX_SIZE_MB)
  }

  set maxSizeMb(megabytes: number) {
    Atomics.store(this.#words, MAX_SIZE_MB, megabytes)
  }

  /** @returns the number of a connection to one of the sockets, another one each time. */
  openSession(): number {
    return Atomics.add(this.#words, SESSIONS, 1) + 1
  }

  /** @returns false if there are as many as may be. */
  takeReadTransaction(): boolean {
    if (Atomics.add(this.#words, READ_TRANSACTIONS, 1) < READ_TRANSACTIONS_MAX) return true
    this.giveReadTransaction()
    return false
  }

  giveReadTransaction(): void {
    Atomics.sub(this.#words, READ_TRANSACTIONS, 1)
  }

  /** Requests that are large are taken one at a time in all lanes: their garbage would not fit together. */
  takeLargeRequest(): boolean {
    return Atomics.compareExchange(this.#words, LARGE_REQUEST, 0, 1) === 0
  }

  giveLargeRequest(): void {
    Atomics.store(this.#words, LARGE_REQUEST, 0)
  }

  #is(word: number): boolean {
    return Atomics.load(this.#words, word) === 1
  }

  #set(word: number, yes: boolean): void {
    Atomics.store(this.#words, word, yes ? 1 : 0)
  }
}
