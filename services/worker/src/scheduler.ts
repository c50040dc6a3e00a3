/**
 * What a lane does next. Frames of all its connections come into one line, whole chunks of them before anything
 * runs; queries are run in batches, the rest singly, a part of one stream after each, and the sockets are heard
 * between any two of these.
 */
import type { BeginCommand } from '@db-forge/contract/wire'
import { type Frame, FrameType } from '@db-forge/contract/wire/frame'
import {
  type Connection,
  errorFields,
  isTimed,
  log,
  type Payload,
  parseCredit,
  type Request,
  StartError,
  WorkerFailure,
} from '@db-forge/worker-kit'
import type { Engine } from './engine/engine.ts'
import { LaneStreams } from './lane-streams.ts'
import { LaneTransactions } from './lane-transactions.ts'
import { QueryBatch } from './query-run.ts'
import { cancelled, type Runner, timedOut } from './runner.ts'
import { Waiting } from './waiting.ts'
import { WaitingLine } from './waiting-line.ts'

const BATCH_MAX = 256
/** From here on a request's garbage is collected at once: in a small container it would not fit twice. */
const LARGE_REQUEST_BYTES = 512 * 1024
/** How long a large request waits at most for one in another lane, and how often it looks. */
const LARGE_WAIT_MS = 250
const LARGE_LOOK_MS = 5
/** How long others wait for a transaction that writes. */
const BUSY_MS = 5000
const BUSY_LOOK_MS = 20

export interface SchedulerOptions {
  readonly lane: number
  readonly engine: Engine
  readonly runner: Runner
  /** What may wait before no more is read. */
  readonly waitingBytesMax: number
}

export class Scheduler {
  readonly #options: SchedulerOptions
  readonly #line = new WaitingLine()
  readonly #streams: LaneStreams
  readonly #transactions: LaneTransactions
  readonly #held = new Set<Connection>()
  #scheduled = false
  /** A large request of this lane is under way. */
  #hasLarge = false
  #busyTimer: NodeJS.Timeout | undefined
  #usedMs: number

  constructor(options: SchedulerOptions) {
    const { engine, runner, lane } = options
    this.#options = options
    this.#usedMs = runner.state.nowMs()
    this.#streams = new LaneStreams(engine, runner)
    this.#transactions = new LaneTransactions({
      engine,
      runner,
      mode: lane === 0 ? 'write' : 'read',
      isAwaited: (from, number) =>
        this.#line.some((one) => one.from === from && one.transaction() === number),
      onEnd: () => this.#schedule(),
    })
  }

  /** How long nobody has wanted anything; 0 while something is open. */
  get idleMs(): number {
    const open = this.#line.length + this.#streams.count + this.#transactions.count
    return open > 0 ? 0 : this.#options.runner.state.nowMs() - this.#usedMs
  }

  /** @throws WorkerFailure */
  receive(frame: Frame, from: Connection): void {
    const { type, id } = frame
    if (type === FrameType.cancel) this.#cancel(from, id)
    else if (type === FrameType.credit) this.#streams.credit(from, id, parseCredit(frame.payload))
    else if (isTimed(type)) this.#enqueue(new Waiting(frame, from, this.#nowMs()))
    else
      throw new WorkerFailure(
        'request.invalid',
        `frames of type ${type} are not understood on this socket`,
      )
    this.#schedule()
  }

  drained(): void {
    this.#schedule()
  }

  closed(from: Connection): void {
    this.#held.delete(from)
    this.#line.takeAll((waiting) => waiting.from === from)
    this.#streams.closed(from)
    this.#transactions.closed(from)
    this.#schedule()
  }

  /** JSON text of a WorkerNotice, for those who read streams. */
  notice(text: string): void {
    this.#streams.notice(text)
  }

  checkpoint(): void {
    const { engine, runner } = this.#options
    if (this.#occupied || runner.state.stopping) return
    try {
      engine.checkpoint()
    } catch (error) {
      if (!(error instanceof WorkerFailure)) throw error
      log('warn', 'a checkpoint failed', errorFields(error))
    }
  }

  /** Ends what is open; nothing begins any more. */
  stop(): void {
    clearTimeout(this.#busyTimer)
    this.#line.takeAll(() => true)
    this.#streams.closeAll()
    this.#transactions.rollBackAll('rolled back as the worker stops')
  }

  #nowMs(): number {
    return this.#options.runner.state.nowMs()
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => this.#turn())
  }

  /** While a transaction writes, only what belongs to it runs. */
  get #occupied(): boolean {
    return this.#options.lane === 0 && this.#transactions.count > 0
  }

  #enqueue(waiting: Waiting): void {
    const { waitingBytesMax } = this.#options
    const full = this.#line.length > 0 && this.#line.bytes + waiting.bytes > waitingBytesMax
    // Nothing is held back while a transaction is open: its own requests would not be heard.
    if (full && this.#occupied && waiting.transaction() === null) throw busy()
    this.#line.push(waiting)
    if (!full || this.#occupied) return
    this.#held.add(waiting.from)
    waiting.from.hold(true)
  }

  #letGo(): void {
    if (this.#held.size === 0 || this.#line.bytes > this.#options.waitingBytesMax / 2) return
    for (const from of this.#held) from.hold(false)
    this.#held.clear()
  }

  #cancel(from: Connection, id: number): void {
    if (this.#line.takeOf(from, id)) from.fail(id, cancelled())
    else this.#streams.cancel(from, id)
  }

  #turn(): void {
    this.#scheduled = false
    const { engine, runner } = this.#options
    if (runner.state.stopping) return
    this.#usedMs = runner.state.nowMs()
    engine.refusal = runner.state.refusal
    engine.maxSizeMb = runner.state.maxSizeMb
    const taken = this.#take()
    const [first] = taken
    if (first && this.#isBatched(first)) this.#runBatch(taken)
    else if (first) this.#runOne(first)
    this.#streams.turn()
    if (this.#occupied) this.#refuseLate()
    this.#letGo()
    if ((first && this.#line.length > 0) || this.#streams.runnable) this.#schedule()
  }

  /** The next queries, or the next request of another kind. */
  #take(): Waiting[] {
    const occupied = this.#occupied
    let count = 0
    return this.#line.take((waiting) => {
      if (count === BATCH_MAX) return 'stop'
      if (waiting.from.choked || (occupied && waiting.transaction() === null)) return 'pass'
      const batched = this.#isBatched(waiting)
      if (count > 0 && !batched) return 'stop'
      if (isLarge(waiting) && !this.#takeLarge(waiting)) return 'pass'
      count = batched ? count + 1 : BATCH_MAX
      return 'take'
    })
  }

  #isBatched(waiting: Waiting): boolean {
    return waiting.type === FrameType.query && !isLarge(waiting) && waiting.transaction() === null
  }

  #runBatch(taken: readonly Waiting[]): void {
    const { engine, runner } = this.#options
    const batch = new QueryBatch(taken.filter(isUnderstood), runner)
    engine.queries(batch.jobs)
    if (batch.left.length > 0) this.#line.putBack(batch.left)
  }

  #takeLarge(waiting: Waiting): boolean {
    this.#hasLarge = this.#options.runner.state.takeLargeRequest()
    const taken = this.#hasLarge || this.#nowMs() - waiting.arrivedMs >= LARGE_WAIT_MS
    if (!taken) setTimeout(() => this.#schedule(), LARGE_LOOK_MS)
    return taken
  }

  #runOne(waiting: Waiting): void {
    const collect = isLarge(waiting) ? globalThis.gc : undefined
    try {
      if (!waiting.from.closed) this.#attempt(waiting, collect)
    } finally {
      if (isLarge(waiting)) setImmediate(() => this.#giveLarge(collect))
    }
  }

  #giveLarge(collect: (() => void) | undefined): void {
    collect?.()
    if (this.#hasLarge) this.#options.runner.state.giveLargeRequest()
    this.#hasLarge = false
  }

  #attempt(waiting: Waiting, collect: (() => void) | undefined): void {
    try {
      const request = waiting.request()
      collect?.()
      if (waiting.deadlineMs <= this.#nowMs()) throw timedOut()
      if (request.kind !== 'query' || request.command.transaction !== undefined)
        this.#options.runner.admit(waiting)
      const answer = this.#run(waiting, request)
      if (answer !== null) waiting.from.send(FrameType.result, waiting.id, answer)
    } catch (error) {
      waiting.from.fail(waiting.id, error)
      if (error instanceof StartError) throw error
    }
  }

  #runQuery(waiting: Waiting): void {
    this.#options.engine.queries(new QueryBatch([waiting], this.#options.runner).jobs)
  }

  /** @returns null where the answer comes by another way. */
  #run(waiting: Waiting, request: Request): Payload | null {
    const { engine, runner } = this.#options
    const { deadlineMs } = waiting
    switch (request.kind) {
      case 'query':
        if (request.command.transaction !== undefined)
          return this.#transactions.query(waiting, request.command)
        this.#runQuery(waiting)
        return null
      case 'stream':
        this.#streams.open(waiting, request.command)
        return null
      case 'batch':
        return runner.run(engine, waiting, deadlineMs, () => engine.batch(request.command))
      case 'describe':
        return runner.run(engine, waiting, deadlineMs, () =>
          engine.describe(request.command, deadlineMs - this.#nowMs()),
        )
      case 'begin':
        return this.#begin(waiting, request.command)
      case 'commit':
        this.#transactions.commit(waiting, request.command.transaction)
        return '{}'
      case 'rollback':
        this.#transactions.rollback(waiting, request.command.transaction)
        return '{}'
    }
  }

  #begin(waiting: Waiting, command: BeginCommand): string {
    const transaction = this.#transactions.begin(waiting, command)
    if (this.#occupied) this.#makeRoom()
    return JSON.stringify({ transaction })
  }

  /** So that what the transaction is asked is read. */
  #makeRoom(): void {
    let kept = 0
    const tooMany = this.#line.takeAll((waiting) => {
      kept += waiting.bytes
      return kept > this.#options.waitingBytesMax / 2
    })
    for (const { from, id } of tooMany) from.fail(id, busy())
    this.#letGo()
  }

  #refuseLate(): void {
    const now = this.#nowMs()
    const late = this.#line.takeAll(
      (waiting) =>
        Math.min(waiting.deadlineMs, waiting.arrivedMs + BUSY_MS) <= now &&
        waiting.transaction() === null,
    )
    for (const { from, id } of late) from.fail(id, busy())
    clearTimeout(this.#busyTimer)
    if (this.#line.length > 0) this.#busyTimer = setTimeout(() => this.#schedule(), BUSY_LOOK_MS)
  }
}

const isLarge = ({ payloadBytes }: Waiting) => payloadBytes >= LARGE_REQUEST_BYTES

const busy = () => new WorkerFailure('database.busy', 'another transaction is under way')

function isUnderstood(waiting: Waiting): boolean {
  try {
    waiting.request()
    return true
  } catch (error) {
    waiting.from.fail(waiting.id, error)
    return false
  }
}
