import type { LaneClock, RequestName, Running, Why } from './lane-clock.ts'
import type { WorkerState } from './worker-state.ts'

/** How far past its deadline a statement may be that is interrupted again and again and does not end. */
const GRACE_MS = 250
const LOOK_EVERY_MS = 25
/** SQLite forgets an interrupt that comes in the instant before a first step, so it is repeated. */
const AGAIN_MS = 5
/** Time without anything to see before the watch goes to sleep, so that an idle worker costs nothing. */
const IDLE_MS = 2000

export interface RunningLane extends Running {
  readonly lane: number
}

export interface WatchdogOptions {
  readonly state: WorkerState
  /** The lanes that there are. */
  readonly lanes: () => ReadonlyMap<number, LaneClock>
  readonly interrupt: (connection: number, request: number) => void
  /** Called for a request that could not be ended in time. */
  readonly onOverdue: (runningForMs: number) => void
  /** Called at each look. @returns whether to go on looking though nothing runs. */
  readonly onLook: () => boolean
}

/** Ends requests that are past their deadline or marked: interrupts them again and again until they end. */
export class Watchdog {
  readonly #options: WatchdogOptions
  #timer: NodeJS.Timeout | undefined
  #seenMs = 0
  /** Per lane, what is being interrupted and since when. */
  readonly #interrupted = new Map<number, { readonly request: number; readonly sinceMs: number }>()

  constructor(options: WatchdogOptions) {
    this.#options = options
  }

  /** To be called when a statement has begun while nobody watched. */
  wake(): void {
    const { state } = this.#options
    this.#seenMs = state.nowMs()
    state.watched = true
    if (!this.#timer) this.#look()
  }

  /** What runs, the longest-running first. */
  running(): RunningLane[] {
    const found: RunningLane[] = []
    for (const [lane, clock] of this.#options.lanes()) {
      const running = clock.running()
      if (running) found.push({ lane, ...running })
    }
    return found.sort((a, b) => a.startedMs - b.startedMs)
  }

  /** Ends a request if it is what its lane runs, and lets it not begin if it waits. @returns whether it has not begun. */
  cancel(lane: number, name: RequestName): boolean {
    const waits = this.#options.lanes().get(lane)?.refuse(name) ?? false
    this.end(lane, name, 'cancel')
    return waits
  }

  /** Ends a request if it is what its lane runs. */
  end(lane: number, { session, id }: RequestName, why: Why): void {
    const running = this.#options.lanes().get(lane)?.running()
    if (!running || running.session !== session || running.id !== id) return
    this.#interrupt({ lane, ...running }, why)
    this.#lookIn(AGAIN_MS)
  }

  /** Ends what has been running longest, and for `forMs` at least, because the folder is too large. */
  endLongest(forMs: number, writers: boolean): void {
    const now = this.#options.state.nowMs()
    const longest = this.running().find(
      ({ lane, startedMs }) => now - startedMs >= forMs && (lane !== 0 || writers),
    )
    if (longest) this.#interrupt(longest, 'quota')
  }

  #interrupt({ lane, connection, request }: RunningLane, why: Why): void {
    this.#options.lanes().get(lane)?.mark(request, why)
    if (this.#interrupted.get(lane)?.request !== request)
      this.#interrupted.set(lane, { request, sinceMs: this.#options.state.nowMs() })
    this.#options.interrupt(connection, request)
  }

  /** Past its deadline, and interrupted for long enough: this thread may itself have been late to look. */
  #isOverdue({ lane, request, deadlineMs }: RunningLane, now: number): boolean {
    const interrupted = this.#interrupted.get(lane)
    return (
      interrupted?.request === request && now - Math.max(deadlineMs, interrupted.sinceMs) > GRACE_MS
    )
  }

  #look(): void {
    const { state, onLook, onOverdue } = this.#options
    const now = state.nowMs()
    if (onLook()) this.#seenMs = now
    let next = LOOK_EVERY_MS
    for (const running of this.running()) {
      this.#seenMs = now
      const leftMs = running.deadlineMs - now
      if (this.#isOverdue(running, now)) onOverdue(now - running.startedMs)
      const why = running.why ?? (leftMs <= 0 ? 'deadline' : null)
      if (why) this.#interrupt(running, why)
      next = Math.min(next, why ? AGAIN_MS : Math.max(leftMs, 1))
    }
    if (now - this.#seenMs > IDLE_MS) this.#sleep()
    else this.#lookIn(next)
  }

  #lookIn(ms: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#look(), ms).unref()
  }

  #sleep(): void {
    this.#timer = undefined
    this.#options.state.watched = false
    // A statement that began between the last look and this moment believed itself watched.
    if (this.running().length > 0) this.wake()
  }
}
