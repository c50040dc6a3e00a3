/**
 * The one lane of a PostgreSQL worker: reads and writes alike, many at a time, each answered when it is done. The server
 * keeps them apart.
 */
import type { CancelCommand } from '@db-forge/contract/wire'
import { type Frame, FrameType } from '@db-forge/contract/wire/frame'
import {
  type Connection,
  deadlineOf,
  isTimed,
  type Payload,
  parseCredit,
  parseRequest,
  type Request,
  type Service,
  WorkerFailure,
} from '@db-forge/worker-kit'
import { nowMs } from '../clock.ts'
import type { Engine } from '../engine/engine.ts'
import { Interrupt } from '../engine/interrupt.ts'
import type { Watchdog } from '../engine/watchdog.ts'
import { Stream } from './stream.ts'
import { Transactions } from './transactions.ts'

const STREAMS_MAX = 4

export interface LaneOptions {
  readonly engine: Engine
  readonly watchdog: Watchdog
  readonly databaseId: string
  readonly memoryMb: number
  readonly transactionsMax: number
  readonly openSession: () => number
  readonly welcome: (session: number) => string
}

interface Job {
  readonly connection: Connection
  readonly interrupt: Interrupt
  stream?: Stream
}

export class Lane implements Service {
  readonly databaseId: string
  readonly requestBytesMax: number
  readonly openSession: () => number
  readonly welcome: (session: number) => string
  readonly #engine: Engine
  readonly #watchdog: Watchdog
  readonly #transactions: Transactions
  readonly #jobs = new Map<string, Job>()
  #streams = 0
  #stopping = false
  #onIdle: (() => void) | null = null

  constructor(options: LaneOptions) {
    this.databaseId = options.databaseId
    this.openSession = options.openSession
    this.welcome = options.welcome
    // A request is held some times over on its way: as bytes, text, values and messages.
    this.requestBytesMax = Math.min(Math.floor(options.memoryMb / 16), 48) * 1024 * 1024
    this.#engine = options.engine
    this.#watchdog = options.watchdog
    this.#transactions = new Transactions(options.engine, options.watchdog, options.transactionsMax)
  }

  receive(frame: Frame, from: Connection): void {
    if (frame.type === FrameType.cancel)
      this.cancel({ lane: 0, session: from.session, id: frame.id })
    else if (frame.type === FrameType.credit)
      this.#jobs.get(jobKey(from.session, frame.id))?.stream?.credit(parseCredit(frame.payload))
    else if (isTimed(frame.type)) this.#begin(frame, from)
    else
      throw new WorkerFailure(
        'request.invalid',
        `frames of type ${frame.type} are not understood on this socket`,
      )
  }

  cancel({ session, id }: CancelCommand): void {
    const job = this.#jobs.get(jobKey(session, id))
    if (job) this.#watchdog.trip(job.interrupt, 'query.cancelled')
  }

  drained(): void {
    // Answers are few and bounded; streams are held back by their credit.
  }

  closed(connection: Connection): void {
    for (const job of this.#jobs.values())
      if (job.connection === connection) this.#watchdog.trip(job.interrupt, 'query.cancelled')
    this.#transactions.closed(connection)
  }

  /** Begins nothing any more, and waits for what runs, so long. */
  async stop(withinMs: number): Promise<void> {
    this.#stopping = true
    this.#transactions.close()
    if (this.#jobs.size === 0) return
    const idle = new Promise<void>((resolve) => {
      this.#onIdle = resolve
    })
    const impatience = setTimeout(() => {
      for (const { interrupt } of this.#jobs.values())
        this.#watchdog.trip(interrupt, 'query.cancelled')
    }, withinMs)
    await idle
    clearTimeout(impatience)
  }

  #begin({ type, id, payload }: Frame, connection: Connection): void {
    const key = jobKey(connection.session, id)
    if (this.#jobs.has(key))
      throw new WorkerFailure('request.invalid', `request ${id} is under way`)
    if (this.#stopping) throw new WorkerFailure('worker.restarted', 'the database is being stopped')
    const deadline = deadlineOf(payload)
    const now = nowMs()
    if (deadline <= now)
      throw new WorkerFailure('query.timeout', 'the deadline had passed before the statement began')
    const request = parseRequest(type, payload)
    const job: Job = { connection, interrupt: new Interrupt(deadline, now) }
    this.#jobs.set(key, job)
    this.#watchdog.watch(job.interrupt)
    this.#answer(request, id, job)
      .then(
        (answer) => connection.send(FrameType.result, id, answer),
        (error: unknown) => connection.fail(id, error),
      )
      .finally(() => this.#end(key, job))
  }

  #end(key: string, { interrupt }: Job): void {
    this.#watchdog.unwatch(interrupt)
    this.#jobs.delete(key)
    if (this.#jobs.size === 0) this.#onIdle?.()
  }

  async #answer(request: Request, id: number, job: Job): Promise<Payload> {
    const { connection, interrupt } = job
    switch (request.kind) {
      case 'query':
        return request.command.transaction === undefined
          ? this.#engine.query(request.command, interrupt)
          : this.#transactions.query(request.command, connection, interrupt)
      case 'batch':
        return this.#engine.batch(request.command, interrupt)
      case 'describe':
        return this.#engine.describe(request.command, interrupt)
      case 'stream': {
        job.stream = new Stream(this.#engine, request.command, connection, id)
        return this.#stream(job.stream, interrupt)
      }
      case 'begin':
        return this.#transactions.begin(request.command, connection, interrupt)
      case 'commit':
        await this.#transactions.commit(request.command.transaction, connection)
        return '{}'
      case 'rollback':
        await this.#transactions.rollback(request.command.transaction, connection)
        return '{}'
    }
  }

  async #stream(stream: Stream, interrupt: Interrupt): Promise<string> {
    if (this.#streams >= STREAMS_MAX)
      throw new WorkerFailure('database.busy', `${STREAMS_MAX} streams are under way already`)
    this.#streams += 1
    try {
      return await stream.run(interrupt)
    } finally {
      this.#streams -= 1
    }
  }
}

const jobKey = (session: number, id: number): string => `${session}:${id}`
