import type { BeginCommand, QueryCommand } from '@db-forge/contract/wire'
import {
  type Connection,
  errorFields,
  log,
  type Payload,
  WorkerFailure,
} from '@db-forge/worker-kit'
import type { Engine, EngineTransaction } from './engine/engine.ts'
import type { Runner } from './runner.ts'
import type { Waiting } from './waiting.ts'

/** How long it is known why a transaction ended. */
const REMEMBERED_MS = 60_000
const REMEMBERED_MAX = 1000
const TIMER_MS_MAX = 0x7fffffff
/** A request that had arrived in time and waited for the thread is looked for again after this. */
const LOOK_AGAIN_MS = 10

interface OpenTransaction {
  readonly number: number
  readonly from: Connection
  readonly transaction: EngineTransaction
  readonly deadlineMs: number
  readonly idleMs: number
  totalTimer?: NodeJS.Timeout
  idleTimer?: NodeJS.Timeout
}

interface Ended {
  readonly session: number
  readonly reason: string
  readonly atMs: number
}

export interface TransactionsOptions {
  readonly engine: Engine
  readonly runner: Runner
  readonly mode: 'write' | 'read'
  /** Whether a request of the transaction has arrived and waits for the thread. */
  readonly isAwaited: (from: Connection, transaction: number) => boolean
  readonly onEnd: () => void
}

/** The interactive transactions of a lane. */
export class LaneTransactions {
  readonly #options: TransactionsOptions
  readonly #open = new Map<number, OpenTransaction>()
  readonly #ended = new Map<number, Ended>()
  #last = 0

  constructor(options: TransactionsOptions) {
    this.#options = options
  }

  get count(): number {
    return this.#open.size
  }

  /** @returns its number. */
  begin(waiting: Waiting, { mode, idleMs }: BeginCommand): number {
    if (mode !== this.#options.mode)
      throw new WorkerFailure('request.invalid', `this lane begins no transactions that ${mode}`)
    const transaction = this.#begin(waiting)
    this.#last += 1
    const { from, deadlineMs } = waiting
    const open: OpenTransaction = { number: this.#last, from, transaction, deadlineMs, idleMs }
    this.#open.set(open.number, open)
    const leftMs = Math.max(deadlineMs - this.#options.runner.state.nowMs(), 0)
    open.totalTimer = setTimeout(
      () => this.#rollBack(open, 'rolled back at its time limit'),
      Math.min(leftMs, TIMER_MS_MAX),
    )
    this.#rest(open)
    return open.number
  }

  query(waiting: Waiting, command: QueryCommand): Payload {
    const open = this.#find(waiting, command.transaction ?? 0)
    return this.#use(open, waiting, () => open.transaction.query(command))
  }

  commit(waiting: Waiting, number: number): void {
    const open = this.#find(waiting, number)
    this.#use(open, waiting, () => open.transaction.commit())
    this.#forget(open, 'it was committed')
  }

  rollback(waiting: Waiting, number: number): void {
    this.#rollBack(this.#find(waiting, number), 'it was rolled back')
  }

  /** Those that were begun on a connection end with it. */
  closed(from: Connection): void {
    for (const open of [...this.#open.values()])
      if (open.from === from) this.#rollBack(open, 'rolled back as its connection closed')
    for (const [number, { session }] of this.#ended)
      if (session === from.session) this.#ended.delete(number)
  }

  rollBackAll(reason: string): void {
    for (const open of [...this.#open.values()]) this.#rollBack(open, reason)
  }

  #begin(waiting: Waiting): EngineTransaction {
    const { engine, runner, mode } = this.#options
    if (mode === 'read' && !runner.state.takeReadTransaction())
      throw new WorkerFailure('database.busy', 'as many transactions that read are open as may be')
    try {
      return runner.run(engine, waiting, waiting.deadlineMs, () => engine.beginTransaction(mode))
    } catch (error) {
      if (mode === 'read') runner.state.giveReadTransaction()
      throw error
    }
  }

  #find({ from }: Waiting, number: number): OpenTransaction {
    const open = this.#open.get(number)
    if (open?.from === from) return open
    const ended = this.#ended.get(number)
    if (ended?.session === from.session)
      throw new WorkerFailure('transaction.ended', `the transaction has ended: ${ended.reason}`)
    throw new WorkerFailure('transaction.not_found', 'there is no such transaction')
  }

  #use<T>(open: OpenTransaction, waiting: Waiting, action: () => T): T {
    const deadlineMs = Math.min(waiting.deadlineMs, open.deadlineMs)
    clearTimeout(open.idleTimer)
    try {
      return this.#options.runner.run(open.transaction, waiting, deadlineMs, action)
    } catch (error) {
      if (!open.transaction.open) this.#rollBack(open, reasonOf(error))
      throw error
    } finally {
      if (this.#open.has(open.number)) this.#rest(open)
    }
  }

  /** The time without a request begins. */
  #rest(open: OpenTransaction): void {
    this.#restFor(open, open.idleMs)
  }

  #restFor(open: OpenTransaction, ms: number): void {
    clearTimeout(open.idleTimer)
    // Timers come before what the sockets have: a thread that was busy until now has yet to hear them.
    open.idleTimer = setTimeout(() => setImmediate(() => this.#idle(open)), ms)
  }

  #idle(open: OpenTransaction): void {
    if (!this.#open.has(open.number)) return
    if (this.#options.isAwaited(open.from, open.number)) this.#restFor(open, LOOK_AGAIN_MS)
    else this.#rollBack(open, `rolled back after ${open.idleMs} ms without a request`)
  }

  #rollBack(open: OpenTransaction, reason: string): void {
    if (!this.#open.has(open.number)) return
    try {
      open.transaction.rollback()
    } catch (error) {
      log('error', 'a transaction could not be rolled back', errorFields(error))
    }
    this.#forget(open, reason)
  }

  #forget(open: OpenTransaction, reason: string): void {
    const { runner, mode, onEnd } = this.#options
    if (!this.#open.delete(open.number)) return
    clearTimeout(open.idleTimer)
    clearTimeout(open.totalTimer)
    if (mode === 'read') runner.state.giveReadTransaction()
    this.#remember(open, reason)
    onEnd()
  }

  #remember({ number, from }: OpenTransaction, reason: string): void {
    const now = this.#options.runner.state.nowMs()
    for (const [old, { atMs }] of this.#ended) {
      if (now - atMs < REMEMBERED_MS && this.#ended.size < REMEMBERED_MAX) break
      this.#ended.delete(old)
    }
    this.#ended.set(number, { session: from.session, reason, atMs: now })
  }
}

const reasonOf = (error: unknown) =>
  `rolled back by the engine: ${error instanceof Error ? error.message : String(error)}`
