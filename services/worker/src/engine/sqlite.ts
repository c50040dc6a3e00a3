import type { BatchCommand, DescribeRequest, StreamCommand } from '@db-forge/contract/wire'
import { type Payload, WorkerFailure } from '@db-forge/worker-kit'
import { JsonText, SlabPool } from '../json-text.ts'
import {
  type Engine,
  type EngineStream,
  type EngineTransaction,
  type QueryJob,
  type Refusal,
  WrongLane,
} from './engine.ts'
import { ANSWER_BYTES_MAX, Connection, type Statement } from './sqlite-connection.ts'
import { describeSchema } from './sqlite-describe.ts'
import { toFailure } from './sqlite-errors.ts'
import { GROUP_TIMES, GroupCommit, type GroupTimes } from './sqlite-group.ts'
import { BUSY_MS } from './sqlite-limits.ts'
import type { OpenOptions } from './sqlite-open.ts'
import { ConnectionPool } from './sqlite-pool.ts'
import { ChunkBuffers, ReadStream, WriteStream } from './sqlite-stream.ts'
import { SqliteTransaction } from './sqlite-transaction.ts'

/** A snapshot that is kept for long keeps the write-ahead log from being reused. */
const SNAPSHOT_MS = 5

/** At once, of each engine. */
const READ_TRANSACTIONS_MAX = 4
const STREAMS_MAX = 4

export interface EngineOptions extends OpenOptions {
  readonly role: 'writer' | 'reader'
  readonly group?: GroupTimes
}

/** SQLite through better-sqlite3 and the guard: the one connection that writes, or one that reads. */
export class SqliteEngine implements Engine {
  readonly name = 'sqlite'
  readonly version: string
  readonly #role: EngineOptions['role']
  readonly #slabs = new SlabPool(ANSWER_BYTES_MAX)
  readonly #main: Connection
  readonly #group: GroupCommit
  readonly #snapshots: ConnectionPool
  readonly #streams: ConnectionPool
  readonly #buffers = new ChunkBuffers()
  #transaction: SqliteTransaction | undefined

  constructor(options: EngineOptions) {
    this.#role = options.role
    this.#main = new Connection(options, this.#slabs)
    this.#snapshots = new ConnectionPool(options, this.#slabs, READ_TRANSACTIONS_MAX)
    this.#streams = new ConnectionPool(options, this.#slabs, STREAMS_MAX)
    this.#group = new GroupCommit(
      this.#main,
      (job) => this.#alone(job),
      options.group ?? GROUP_TIMES,
    )
    this.version = String(this.#main.db.prepare('select sqlite_version()').pluck().get())
  }

  get connection(): number {
    return this.#main.connection
  }

  begin(request: number): void {
    this.#main.begin(request)
  }

  end(): void {
    this.#main.end()
  }

  get refusal(): Refusal | null {
    return this.#main.refusal
  }

  set refusal(refusal: Refusal | null) {
    this.#main.refusal = refusal
  }

  get maxSizeMb(): number {
    return this.#main.maxSizeMb
  }

  set maxSizeMb(megabytes: number) {
    this.#main.maxSizeMb = megabytes
  }

  queries(jobs: readonly QueryJob[]): void {
    this.#expectIdle()
    let left = jobs
    while (left.length > 1)
      left = left.slice(this.#role === 'writer' ? this.#group.run(left) : this.#snapshot(left))
    if (left[0]) this.#alone(left[0])
  }

  batch(command: BatchCommand): Payload {
    this.#expectIdle()
    const started = performance.now()
    const text = new JsonText(this.#slabs)
    text.add('{"results":[')
    try {
      if (command.transaction === 'none') this.#each(command, text)
      else this.#together(command, text)
    } catch (error) {
      text.discard()
      throw error
    } finally {
      this.#main.settle()
    }
    text.add(`],"durationMs":${millisecondsSince(started)}}`)
    return text.payload()
  }

  describe(request: DescribeRequest, timeoutMs: number): Payload {
    try {
      return JSON.stringify(describeSchema(this.#main.db, request, timeoutMs))
    } catch (error) {
      throw toFailure(error, '')
    }
  }

  openStream(command: StreamCommand): EngineStream {
    if (this.#role === 'writer')
      return new WriteStream(this.#main, command, this.#buffers, () => this.#expectIdle())
    const connection = this.#streams.take('streams')
    return new ReadStream(connection, command, this.#buffers, () => this.#streams.give(connection))
  }

  beginTransaction(mode: 'write' | 'read'): EngineTransaction {
    this.#expectIdle()
    if (mode === 'write') {
      this.#transaction = new SqliteTransaction(this.#main, mode, () => {})
      return this.#transaction
    }
    const connection = this.#snapshots.take('transactions that read')
    return new SqliteTransaction(connection, mode, () => this.#snapshots.give(connection))
  }

  checkpoint(): void {
    const main = this.#main
    if (main.guard.inTransaction) return
    main.guard.busyMs = 0
    try {
      main.say('checkpoint')
    } catch (error) {
      throw toFailure(error, '')
    } finally {
      main.guard.busyMs = BUSY_MS
      main.settle()
    }
  }

  close(): void {
    this.#snapshots.close()
    this.#streams.close()
    this.#main.finish()
  }

  /** Takes the locks of a read once for many. @returns how many it took. */
  #snapshot(jobs: readonly QueryJob[]): number {
    const until = performance.now() + SNAPSHOT_MS
    let count = 0
    this.#main.say('begin')
    while (count < jobs.length && (count === 0 || performance.now() < until)) {
      this.#run(jobs[count] as QueryJob)()
      count += 1
    }
    this.#main.settle()
    return count
  }

  #alone(job: QueryJob): void {
    const tell = this.#run(job)
    try {
      this.#main.settle()
    } finally {
      tell()
    }
  }

  /** @returns how to tell what came of it. */
  #run(job: QueryJob): () => void {
    if (!job.begin(this.#main)) return () => {}
    const tell = this.#attempt(job)
    job.end(this.#main)
    return tell
  }

  #attempt(job: QueryJob): () => void {
    const { command } = job
    try {
      const answer = this.#main.answer(command, command, (statement) => {
        if (command.guess && statement.readOnly) throw new WrongLane()
      })
      return () => job.succeed(answer)
    } catch (error) {
      if (error instanceof WrongLane) return () => job.misplaced()
      return () => job.fail(error)
    }
  }

  /** Whatever else ran on the writer's connection would become part of its transaction, and end it. */
  #expectIdle(): void {
    if (this.#transaction?.open)
      throw new WorkerFailure('database.busy', 'a transaction that writes is open')
    this.#transaction = undefined
  }

  #each(command: BatchCommand, text: JsonText): void {
    for (const [index, statement] of command.statements.entries())
      this.#runOfBatch(statement, command, text, index)
  }

  #together(command: BatchCommand, text: JsonText): void {
    const reads = command.readOnly || command.transaction === 'read'
    try {
      this.#main.say(reads ? 'begin' : 'beginImmediate')
      for (const [index, statement] of command.statements.entries()) {
        this.#runOfBatch(statement, { ...command, readOnly: reads }, text, index)
        if (!this.#main.guard.inTransaction) throw endedBy(index)
      }
      this.#main.say('commit')
    } catch (error) {
      throw toFailure(error, '')
    }
  }

  #runOfBatch(statement: Statement, command: BatchCommand, text: JsonText, index: number): void {
    try {
      if (index > 0) text.add(',')
      this.#main.run(statement, command, text)
    } catch (error) {
      throw toFailure(error, statement.sql, { statement: index })
    }
  }
}

const endedBy = (statement: number) =>
  new WorkerFailure('sql.error', 'the statement ended the transaction', { statement })

const millisecondsSince = (started: number) =>
  Math.round((performance.now() - started) * 1000) / 1000
