const STRIKES_TO_OPEN = 5
const PROBE_MS = 2000
const SILENT_MS = 10_000

export interface CircuitBreakerOptions {
  /** Asks the worker for a sign of life. */
  readonly probe: (timeoutMs: number) => Promise<unknown>
  /** It has given none for long: it will not come back by itself. */
  readonly onSilent: () => void
}

/**
 * Opens when a worker lets several requests in a row pass without any answer, so that nobody waits for it in vain; it is
 * then asked for a sign of life until it gives one.
 */
export class CircuitBreaker {
  readonly #o: CircuitBreakerOptions
  #strikes = 0
  #openSince: number | undefined
  #timer: NodeJS.Timeout | undefined
  #ended = false

  constructor(options: CircuitBreakerOptions) {
    this.#o = options
  }

  get isOpen(): boolean {
    return this.#openSince !== undefined
  }

  /** The worker has answered something. */
  answered(): void {
    this.#strikes = 0
    if (this.#openSince !== undefined) this.#close()
  }

  /** A request has had no answer long after its deadline. */
  strike(): void {
    this.#strikes += 1
    if (this.#strikes < STRIKES_TO_OPEN || this.isOpen || this.#ended) return
    this.#openSince = performance.now()
    void this.#probe(this.#openSince)
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

  async #probe(openSince: number): Promise<void> {
    const askedAt = performance.now()
    const alive = await this.#o.probe(PROBE_MS).then(
      () => true,
      () => false,
    )
    if (this.#openSince !== openSince) return
    if (alive) this.answered()
    else if (performance.now() - openSince >= SILENT_MS) this.#o.onSilent()
    else {
      const waitMs = Math.max(0, PROBE_MS - (performance.now() - askedAt))
      this.#timer = setTimeout(() => void this.#probe(openSince), waitMs).unref()
    }
  }
}
