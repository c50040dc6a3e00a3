/**
 * What the SQL thread runs at this moment, where the control thread can see it without asking: a few words of
 * shared memory. Times are milliseconds of the kernel's monotonic clock, cut to 32 bits, so only differences mean
 * anything; they are right up to 24 days.
 */
const RUNNING = 0
const STARTED = 1
const DEADLINE = 2
const WATCHED = 3
const STOPPING = 4
const WORDS = 5
const REQUESTS_MAX = 0x7fffffff

export interface Running {
  /** Another one each time. */
  readonly request: number
  readonly forMs: number
  /** Negative while there is time left. */
  readonly overdueMs: number
}

export class StatementClock {
  readonly shared: SharedArrayBuffer
  readonly #words: Int32Array
  /** `performance.now()` counts from another moment in each thread, the kernel's clock does not. */
  readonly #offsetMs: number
  #request = 0

  constructor(shared = new SharedArrayBuffer(WORDS * 4)) {
    this.shared = shared
    this.#words = new Int32Array(shared)
    const [seconds, nanos] = process.hrtime()
    this.#offsetMs = seconds * 1000 + nanos / 1e6 - performance.now()
  }

  /** Whether somebody watches; if not, the control thread has to be woken when something starts. */
  get watched(): boolean {
    return Atomics.load(this.#words, WATCHED) === 1
  }

  /** @returns the number of the request that begins. */
  start(timeoutMs: number): number {
    const now = this.#nowMs()
    this.#request = (this.#request % REQUESTS_MAX) + 1
    Atomics.store(this.#words, STARTED, now)
    Atomics.store(this.#words, DEADLINE, (now + timeoutMs) | 0)
    Atomics.store(this.#words, RUNNING, this.#request)
    return this.#request
  }

  end(): void {
    Atomics.store(this.#words, RUNNING, 0)
  }

  running(): Running | null {
    const request = Atomics.load(this.#words, RUNNING)
    if (request === 0) return null
    const now = this.#nowMs()
    return {
      request,
      forMs: (now - Atomics.load(this.#words, STARTED)) | 0,
      overdueMs: (now - Atomics.load(this.#words, DEADLINE)) | 0,
    }
  }

  set watched(yes: boolean) {
    Atomics.store(this.#words, WATCHED, yes ? 1 : 0)
  }

  /** No further request is begun once this is set. */
  get stopping(): boolean {
    return Atomics.load(this.#words, STOPPING) === 1
  }

  stop(): void {
    Atomics.store(this.#words, STOPPING, 1)
  }

  #nowMs(): number {
    return (performance.now() + this.#offsetMs) | 0
  }
}
