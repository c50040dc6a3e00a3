import { WorkerFailure } from '@db-forge/worker-kit'
import { Interrupted, type Interruptible } from './engine/engine.ts'
import type { LaneClock, RequestName, Why } from './lane-clock.ts'
import type { WorkerState } from './worker-state.ts'

/** Lets the control thread see what a lane runs, and turns what it interrupts into the reason for that. */
export class Runner {
  readonly state: WorkerState
  readonly #clock: LaneClock
  readonly #wake: () => void

  /** @param wake is called when something begins and nobody watches. */
  constructor(state: WorkerState, lane: number, wake: () => void) {
    this.state = state
    this.#clock = state.lane(lane)
    this.#wake = wake
  }

  /** @throws WorkerFailure `query.cancelled` for what was cancelled while it waited. */
  admit(name: RequestName): void {
    if (!this.#clock.enter(name)) throw cancelled()
  }

  begin(on: Interruptible, name: RequestName, deadlineMs: number, startedMs: number): void {
    on.begin(this.#clock.start(on.connection, name, startedMs, deadlineMs))
    if (!this.state.watched) this.#wake()
  }

  /** @returns why what ran was to be ended, if it was. */
  end(on: Interruptible): Why | null {
    on.end()
    return this.#clock.end()
  }

  /** Runs one thing from begin to end. */
  run<T>(
    on: Interruptible,
    name: RequestName,
    deadlineMs: number,
    action: () => T,
    startedMs = this.state.nowMs(),
  ): T {
    let why: Why | null = null
    this.begin(on, name, deadlineMs, startedMs)
    try {
      try {
        return action()
      } finally {
        why = this.end(on)
      }
    } catch (error) {
      throw explain(error, why)
    }
  }
}

export const timedOut = () => new WorkerFailure('query.timeout', 'the query reached its time limit')
export const cancelled = () => new WorkerFailure('query.cancelled', 'the query was cancelled')
const overQuota = () =>
  new WorkerFailure(
    'quota.exceeded',
    "the query was ended because the database's folder is larger than its quota allows",
  )

const REASONS = { deadline: timedOut, cancel: cancelled, quota: overQuota } as const

/** A failure as the caller shall see it: what was interrupted has the reason for that. */
export function explain(error: unknown, why: Why | null): unknown {
  if (why === null || !wasInterrupted(error)) return error
  const reason = REASONS[why]()
  return new WorkerFailure(reason.code, reason.message, error.details, { cause: error })
}

/** A lock that is awaited is given up when the one who waits is interrupted. */
const wasInterrupted = (error: unknown): error is WorkerFailure =>
  error instanceof Interrupted || (error instanceof WorkerFailure && error.code === 'database.busy')
