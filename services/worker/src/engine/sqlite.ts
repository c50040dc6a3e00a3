import type { BatchCommand, DescribeRequest, StreamCommand } from '@db-forge/contract/wire'
import { JsonText, type Payload, SlabPool } from '../json-text.ts'
import { WorkerFailure } from '../worker-failure.ts'
import {
  type Engine,
  type EngineStream,
  type EngineTransaction,
  type QueryJob,
  WrongLane,
} from './engine.ts'
import { ANSWER_BYTES_MAX, Connection, type Statement } from './sqlite-connection.ts'
import { describeSchema } from './sqlite-describe.ts'
import { toFailure } from './sqlite-errors.ts'
import type { OpenOptions } from './sqlite-open.ts'

/** SQLite through better-sqlite3 and the guard: the one connection that writes, or one that reads. */
export class SqliteEngine implements Engine {
  readonly name = 'sqlite'
  readonly version: string
  readonly #role: OpenOptions['role']
  readonly #slabs = new SlabPool(ANSWER_BYTES_MAX)
  readonly #main: Connection

  constructor(options: OpenOptions) {
    this.#role = options.role
    this.#main = new Connection(options, this.#slabs)
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

  get overQuota(): boolean {
    return this.#main.overQuota
  }

  set overQuota(yes: boolean) {
    this.#main.overQuota = yes
  }

  queries(jobs: readonly QueryJob[]): void {
    for (const job of jobs) this.#alone(job)
  }

  batch(command: BatchCommand): Payload {
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

  openStream(_command: StreamCommand): EngineStream {
    throw new WorkerFailure('database.busy', 'streams are not there yet')
  }

  beginTransaction(_mode: 'write' | 'read'): EngineTransaction {
    throw new WorkerFailure('database.busy', 'transactions are not there yet')
  }

  checkpoint(): void {
    this.#main.say('checkpoint')
  }

  close(): void {
    this.#main.settle()
    if (this.#role === 'writer') this.#main.say('checkpoint')
    this.#main.close()
  }

  #alone(job: QueryJob): void {
    if (!job.begin(this.#main)) return
    const settled = this.#attempt(job)
    job.end(this.#main)
    settled()
  }

  /** @returns how to tell it. */
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
    } finally {
      this.#main.settle()
    }
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
