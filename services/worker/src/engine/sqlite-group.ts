import { type Payload, WorkerFailure } from '@db-forge/worker-kit'
import { Interrupted, type QueryJob, WrongLane } from './engine.ts'
import type { Connection } from './sqlite-connection.ts'
import { toFailure } from './sqlite-errors.ts'
import type { GuardedStatement } from './sqlite-guard.ts'
import { isOutOfTime } from './sqlite-native.ts'

const STATEMENTS_MAX = 256

export interface GroupTimes {
  /** Nothing joins after this long: those that ran wait for their answer. */
  readonly joinMs: number
  /** What still runs this long after the first has joined is undone, so that the others are answered, and runs alone. */
  readonly runMs: number
}

export const GROUP_TIMES: GroupTimes = { joinMs: 5, runMs: 25 }
/** What answers may hold until they are sent. */
const ANSWERS_BYTES_MAX = 1024 * 1024

/** The statement shall have a transaction of its own. */
class RunsAlone extends Error {}

/** One that ran and is told of after the commit. */
interface Ran {
  readonly job: QueryJob
  tell(): void
  /** Instead of `tell`. */
  drop(): void
}

/** One that ends the group, which is then committed, or undone and run again without it. */
interface Leaving {
  readonly undo: boolean
  settle(): void
}

/**
 * Lets queries that change rows share one durable commit. Each is atomic by the savepoint that SQLite opens for a
 * statement within a transaction: of one that fails it keeps what it would keep of one alone, which is nothing, or,
 * where the text says FAIL, what came before. Answers are told after the commit.
 */
export class GroupCommit {
  readonly #connection: Connection
  readonly #alone: (job: QueryJob) => void
  readonly #times: GroupTimes
  #begun = false
  #ran: Ran[] = []
  #answersBytes = 0

  constructor(connection: Connection, alone: (job: QueryJob) => void, times: GroupTimes) {
    this.#connection = connection
    this.#alone = alone
    this.#times = times
  }

  /** Runs the first of the jobs, as many as belong together. @returns how many; all of them are settled. */
  run(jobs: readonly QueryJob[]): number {
    const started = performance.now()
    const most = Math.min(jobs.length, STATEMENTS_MAX)
    let count = 0
    let leaving: Leaving | null = null
    while (count < most && !leaving && this.#answersBytes <= ANSWERS_BYTES_MAX) {
      if (count > 0 && performance.now() - started > this.#times.joinMs) break
      leaving = this.#join(jobs[count] as QueryJob)
      count += 1
    }
    this.#finish(leaving?.undo ?? false)
    this.#connection.settle()
    leaving?.settle()
    return count
  }

  #join(job: QueryJob): Leaving | null {
    const { guard } = this.#connection
    if (!job.begin(this.#connection)) return null
    if (this.#ran.length === 1) guard.allow(this.#times.runMs)
    const result = this.#attempt(job)
    job.end(this.#connection)
    return 'answer' in result
      ? this.#succeeded(job, result.answer)
      : this.#failed(job, result.error)
  }

  #attempt({ command }: QueryJob): { readonly answer: Payload } | { readonly error: unknown } {
    const check = (statement: GuardedStatement) => {
      if (command.guess && statement.readOnly) throw new WrongLane()
      if (!statement.changesRows || statement.slow) throw new RunsAlone()
      if (!this.#begun) this.#connection.say('beginImmediate')
      this.#begun = true
    }
    try {
      return { answer: this.#connection.answer(command, command, check) }
    } catch (error) {
      return { error }
    }
  }

  #succeeded(job: QueryJob, answer: Payload): Leaving | null {
    if (this.#connection.guard.defersViolations) {
      release(answer)
      return { undo: true, settle: () => this.#alone(job) }
    }
    this.#ran.push({ job, tell: () => job.succeed(answer), drop: () => release(answer) })
    this.#answersBytes += bytesOf(answer)
    return null
  }

  #failed(job: QueryJob, error: unknown): Leaving | null {
    if (error instanceof WrongLane) {
      job.misplaced()
      return null
    }
    const lost = this.#begun && !this.#connection.guard.inTransaction
    const interrupted = error instanceof Interrupted && !isOutOfTime(error.cause)
    if (error instanceof RunsAlone || (error instanceof Interrupted && !interrupted))
      return { undo: lost, settle: () => this.#alone(job) }
    if (lost)
      return { undo: true, settle: () => (interrupted ? job.fail(error) : this.#alone(job)) }
    this.#ran.push({ job, tell: () => job.fail(error), drop: () => {} })
    return null
  }

  #finish(undo: boolean): void {
    const ran = this.#ran
    if (ran.length > 0) this.#connection.guard.allow(0)
    this.#ran = []
    this.#answersBytes = 0
    this.#begun = false
    if (undo) this.#again(ran)
    else this.#commit(ran)
  }

  /** Without the one that undid them nothing is in their way, or the next one is, and so on. */
  #again(ran: readonly Ran[]): void {
    this.#connection.settle()
    for (const { drop } of ran) drop()
    let left = ran.map(({ job }) => job)
    while (left.length > 0) left = left.slice(this.run(left))
  }

  #commit(ran: readonly Ran[]): void {
    try {
      if (this.#connection.guard.inTransaction) this.#connection.say('commit')
    } catch (error) {
      this.#connection.settle()
      for (const { drop } of ran) drop()
      this.#notCommitted(ran, toFailure(error, ''))
      return
    }
    for (const { tell } of ran) tell()
  }

  /** What the disk has of it where the disk failed, nobody knows: then it must not run twice. */
  #notCommitted(ran: readonly Ran[], failure: unknown): void {
    const failed = failure instanceof WorkerFailure && failure.code === 'database.failed'
    for (const { job } of ran) {
      if (failed) job.fail(failure)
      else this.#alone(job)
    }
  }
}

function release(answer: Payload): void {
  if (typeof answer !== 'string') answer.release()
}

const bytesOf = (answer: Payload): number =>
  typeof answer === 'string'
    ? answer.length
    : answer.parts.reduce((sum, { length }) => sum + length, 0)
