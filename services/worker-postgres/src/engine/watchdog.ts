import { errorFields, log } from '@db-forge/worker-kit'
import { nowMs } from '../clock.ts'
import type { Interrupt, InterruptCode } from './interrupt.ts'
import type { Platform } from './platform.ts'

const LOOK_EVERY_MS = 20
/** A statement that survives its cancellation loses its connection: before the gateway stops waiting, 1 s after the deadline. */
const TERMINATE_AFTER_MS = 800
const CANCEL_AGAIN_MS = 200
/** A process that not even that ends is stuck for good. */
const STUCK_AFTER_MS = 5000

/** Ends requests at their deadlines. Nothing that a tenant can set keeps it from that. */
export class Watchdog {
  readonly #platform: Platform
  readonly #onStuck: () => void
  readonly #running = new Set<Interrupt>()
  #timer: NodeJS.Timeout | undefined

  constructor(platform: Platform, onStuck: () => void) {
    this.#platform = platform
    this.#onStuck = onStuck
  }

  /** How long the oldest request has been under way. */
  get busyMs(): number | null {
    const oldest = this.oldest()
    return oldest ? Math.max(0, nowMs() - oldest.startedAt) : null
  }

  oldest(): Interrupt | null {
    const [first] = this.#running
    return first ?? null
  }

  /** The request that runs in this process of the server. */
  running(pid: number): Interrupt | undefined {
    return [...this.#running].find((interrupt) => interrupt.pid === pid)
  }

  watch(interrupt: Interrupt): void {
    this.#running.add(interrupt)
    this.#timer ??= setInterval(() => this.#look(), LOOK_EVERY_MS)
  }

  unwatch(interrupt: Interrupt): void {
    this.#running.delete(interrupt)
    if (this.#running.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  /** Ends a request; the first to do so says why. */
  trip(interrupt: Interrupt, code: InterruptCode): void {
    if (interrupt.code) return
    interrupt.code = code
    interrupt.trippedAt = nowMs()
    if (interrupt.pid !== 0) this.#signal(interrupt, 'pg_cancel_backend')
    interrupt.onTrip?.()
  }

  #look(): void {
    const now = nowMs()
    for (const interrupt of this.#running) {
      if (!interrupt.code && now >= interrupt.deadline) this.trip(interrupt, 'query.timeout')
      else if (interrupt.code && interrupt.pid !== 0) this.#insist(interrupt, now)
    }
  }

  #insist(interrupt: Interrupt, now: number): void {
    const forMs = now - interrupt.trippedAt
    if (forMs >= STUCK_AFTER_MS) {
      log('error', 'a statement cannot be ended', { serverPid: interrupt.pid, forMs })
      this.#onStuck()
    } else if (forMs >= TERMINATE_AFTER_MS) {
      if (!interrupt.terminated) this.#signal(interrupt, 'pg_terminate_backend')
      interrupt.terminated = true
    } else if (forMs % CANCEL_AGAIN_MS >= CANCEL_AGAIN_MS - LOOK_EVERY_MS) {
      this.#signal(interrupt, 'pg_cancel_backend')
    }
  }

  #signal(interrupt: Interrupt, how: 'pg_cancel_backend' | 'pg_terminate_backend'): void {
    const sent = this.#platform.command(`select pg_catalog.${how}(${interrupt.pid})`).then(
      () => undefined,
      (error: unknown) => log('warn', 'a statement could not be ended', errorFields(error)),
    )
    interrupt.sent = Promise.all([interrupt.sent, sent]).then(() => undefined)
  }
}
