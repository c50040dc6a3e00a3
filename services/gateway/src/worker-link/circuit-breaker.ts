const STRIKES_TO_DOUBT = 5
const DOUBT_MS = 500
const PROBE_MS = 2000
const SILENT_MS = 10_000

export interface CircuitBreakerOptions {
  /** Asks the worker for a sign of life. */
  readonly probe: (timeoutMs: number) => Promise<unknown>
  /** It has given none for long: it will not come back by itself. */
  readonly onSilent: () => void
}

/**
 * Opens when a worker lets several requests in a row pass without any answer and gives no other sign of life either, so
 * that nobody waits for it in vain; it is then asked for one until it gives it.
 */
export class CircuitBreaker {
  readonly #o: CircuitBreakerOptions
  #strikes = 0
  #doubting = false
  #openSince: number | undefined
  #timer: NodeJS.Timeout | undefined
  #ended = false

  constructor(options: CircuitBreakerOptions) {
    this.#o = options
  }

  get isOpen(): boolean {
    return this.#openSince !== undefined
  }

  /** The worker has said something. */
  answered(): void {
    this.#strikes = 0
    if (this.#openSince !== undefined) this.#close()
  }

  /** A request has had no answer in its time. */
  strike(): void {
    this.#strikes += 1
    if (this.#strikes >= STRIKES_TO_DOUBT && !this.isOpen && !this.#doubting) void this.#doubt()
  }

  /** The worker is gone, or given up. */
  end(): void {
    this.#ended = true
    this.#close()
  }

  #close(): void {
    this.#openSince = undefined
    clearTimeout(this.#timer)
  }

  /** All its lanes may be at long work; the thread that runs none is then still there. */
  async #doubt(): Promise<void> {
    const since = performance.now()
    this.#doubting = true
    const alive = await this.#isAlive(DOUBT_MS)
    this.#doubting = false
    if (alive) this.answered()
    else if (this.#strikes >= STRIKES_TO_DOUBT && !this.#ended) {
      this.#openSince = since
      void this.#probe(since)
    }
  }

  async #probe(openSince: number): Promise<void> {
    const askedAt = performance.now()
    const alive = await this.#isAlive(PROBE_MS)
    if (this.#openSince !== openSince) return
    if (alive) this.answered()
    else if (performance.now() - openSince >= SILENT_MS) this.#o.onSilent()
    else {
      const waitMs = Math.max(0, PROBE_MS - (performance.now() - askedAt))
      this.#timer = setTimeout(() => void this.#probe(openSince), waitMs).unref()
    }
  }

  #isAlive(timeoutMs: number): Promise<boolean> {
    return this.#o.probe(timeoutMs).then(
      () => true,
      () => false,
    )
  }
}
