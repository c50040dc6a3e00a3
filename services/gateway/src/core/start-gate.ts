interface Waiting {
  readonly begin: () => void
}

/**
 * Lets a few starts of workers run at once. Whoever came first goes first; what nobody waits for goes after all that
 * somebody does.
 */
export class StartGate {
  readonly #parallel: number
  readonly #foreground: Waiting[] = []
  readonly #background: Waiting[] = []
  #running = 0

  constructor(parallel: number) {
    this.#parallel = parallel
  }

  /** Whether somebody waits for a start, or for one that runs. */
  get isBusy(): boolean {
    return this.#running + this.#foreground.length > 0
  }

  async run<T>(urgency: 'foreground' | 'background', start: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#parallel)
      await new Promise<void>((begin) => {
        ;(urgency === 'foreground' ? this.#foreground : this.#background).push({ begin })
      })
    else this.#running += 1
    try {
      return await start()
    } finally {
      const next = this.#foreground.shift() ?? this.#background.shift()
      if (next) next.begin()
      else this.#running -= 1
    }
  }
}
