import type { StatementClock } from './statement-clock.ts'

/** How far past its deadline a statement may be that is interrupted again and again and does not end. */
const GRACE_MS = 250
const LOOK_EVERY_MS = 25
/** Looks without anything to see before the watch goes to sleep, so that an idle worker costs nothing. */
const IDLE_LOOKS = 80

/** Calls `onDue` at each look while a request is past its deadline, and `onOverdue` after the grace. */
export class Watchdog {
  readonly #clock: StatementClock
  readonly #onDue: (request: number) => void
  readonly #onOverdue: (runningForMs: number) => void
  #timer: NodeJS.Timeout | undefined
  #idleLooks = 0

  constructor(
    clock: StatementClock,
    onDue: (request: number) => void,
    onOverdue: (runningForMs: number) => void,
  ) {
    this.#clock = clock
    this.#onDue = onDue
    this.#onOverdue = onOverdue
  }

  /** To be called when a statement has begun while nobody watched. */
  wake(): void {
    this.#idleLooks = 0
    this.#clock.watched = true
    this.#timer ??= setInterval(() => this.#look(), LOOK_EVERY_MS).unref()
  }

  #look(): void {
    const running = this.#clock.running()
    if (running && running.overdueMs > GRACE_MS) this.#onOverdue(running.forMs)
    else if (running && running.overdueMs >= 0) this.#onDue(running.request)
    this.#idleLooks = running ? 0 : this.#idleLooks + 1
    if (this.#idleLooks > IDLE_LOOKS) this.#sleep()
  }

  #sleep(): void {
    this.#clock.watched = false
    // A statement that began between the last look and this moment believed itself watched.
    if (this.#clock.running()) {
      this.wake()
      return
    }
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}
