import type { QueryCommand } from '@db-forge/contract/wire'
import { FrameType } from '@db-forge/contract/wire/frame'
import type { Payload } from '@db-forge/worker-kit'
import type { Interruptible, QueryJob } from './engine/engine.ts'
import type { Why } from './lane-clock.ts'
import { explain, type Runner, timedOut } from './runner.ts'
import type { Waiting } from './waiting.ts'

/** Past this, what has not begun goes back and waits, so that the sockets are heard between two batches. */
const BATCH_MS = 5

/** Queries that are handed to the engine together. */
export class QueryBatch {
  readonly jobs: QueryRun[]
  readonly runner: Runner
  readonly #startedMs: number
  readonly #putBack: Waiting[] = []
  #begun = false

  constructor(waiting: readonly Waiting[], runner: Runner) {
    this.runner = runner
    this.#startedMs = runner.state.nowMs()
    this.jobs = waiting.map((one) => new QueryRun(one, this))
  }

  /** What did not begin, and shall later. */
  get left(): readonly Waiting[] {
    return this.#putBack
  }

  /** Whether a query may begin; if not, it is kept for a later batch. */
  admits(waiting: Waiting, nowMs: number): boolean {
    const admitted =
      (!this.#begun || nowMs - this.#startedMs < BATCH_MS) &&
      !waiting.from.choked &&
      !this.runner.state.stopping
    if (!admitted) this.#putBack.push(waiting)
    this.#begun = true
    return admitted
  }
}

class QueryRun implements QueryJob {
  readonly command: QueryCommand
  readonly #waiting: Waiting
  readonly #batch: QueryBatch
  /** What has once begun may run again at once: it would else never come to its end. */
  #admitted = false
  #why: Why | null = null

  constructor(waiting: Waiting, batch: QueryBatch) {
    this.command = waiting.request().command as QueryCommand
    this.#waiting = waiting
    this.#batch = batch
  }

  begin(on: Interruptible): boolean {
    const { from, deadlineMs } = this.#waiting
    const { runner } = this.#batch
    if (from.closed) return false
    const now = runner.state.nowMs()
    if (deadlineMs <= now) {
      this.fail(timedOut())
      return false
    }
    if (!this.#admitted) this.#admitted = this.#batch.admits(this.#waiting, now)
    if (!this.#admitted) return false
    try {
      runner.admit(this.#waiting)
    } catch (error) {
      this.fail(error)
      return false
    }
    runner.begin(on, this.#waiting, deadlineMs, now)
    return true
  }

  end(on: Interruptible): void {
    this.#why = this.#batch.runner.end(on)
  }

  succeed(answer: Payload): void {
    this.#waiting.from.send(FrameType.result, this.#waiting.id, answer)
  }

  fail(error: unknown): void {
    this.#waiting.from.fail(this.#waiting.id, explain(error, this.#why))
  }

  misplaced(): void {
    this.#waiting.from.send(FrameType.redirect, this.#waiting.id, '')
  }
}
