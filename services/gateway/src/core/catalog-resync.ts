import type { Clock } from '../clock.ts'
import type { EventBus } from '../events/event-bus.ts'
import type { Catalog } from './catalog.ts'

const EVERY_MS = 30_000
const RETRY_MS = 1_000

export interface CatalogResyncOptions {
  readonly catalog: Catalog
  readonly events: EventBus
  readonly clock: Clock
  readonly onError: (error: unknown) => void
}

/** Reads the catalog again when events may have been missed, and slowly in any case. */
export class CatalogResync {
  readonly #o: CatalogResyncOptions
  #unsubscribe = () => {}
  #cancel = () => {}
  #isClosed = false
  #isRunning = false
  #isAskedAgain = false

  constructor(options: CatalogResyncOptions) {
    this.#o = options
  }

  start(): void {
    this.#unsubscribe = this.#o.events.subscribe(({ type }) => {
      if (type === 'gap') void this.#run()
    })
    this.#after(EVERY_MS)
  }

  close(): void {
    this.#isClosed = true
    this.#unsubscribe()
    this.#cancel()
  }

  /** What is asked for while it runs has it run once more. */
  async #run(): Promise<void> {
    this.#isAskedAgain = true
    if (this.#isRunning) return
    this.#isRunning = true
    let waitMs = EVERY_MS
    while (this.#isAskedAgain && !this.#isClosed) {
      this.#isAskedAgain = false
      try {
        await this.#o.catalog.reload()
        waitMs = EVERY_MS
      } catch (error) {
        waitMs = RETRY_MS
        this.#o.onError(error)
      }
    }
    this.#isRunning = false
    this.#after(waitMs)
  }

  #after(waitMs: number): void {
    this.#cancel()
    if (!this.#isClosed) this.#cancel = this.#o.clock.after(waitMs, () => void this.#run())
  }
}
