import type { BatchRequest, QueryRequest, RowFormat } from '@db-forge/contract'
import type { DescribeRequest } from '@db-forge/contract/wire'
import type Database from 'better-sqlite3'
import { JsonText, type Payload, SlabPool } from '../json-text.ts'
import { WorkerFailure } from '../worker-failure.ts'
import type { Engine } from './engine.ts'
import { shapeOf } from './sqlite-columns.ts'
import { describeSchema } from './sqlite-describe.ts'
import { toFailure } from './sqlite-errors.ts'
import type { Guard, GuardedStatement } from './sqlite-guard.ts'
import { type OpenOptions, openDatabase } from './sqlite-open.ts'
import { bindArguments } from './sqlite-parameters.ts'
import { StatementCache } from './sqlite-statements.ts'

/** Rows of an answer end here; a batch has this much for all its answers. */
export const ANSWER_BYTES_MAX = 4 * 1024 * 1024

interface Statement {
  readonly sql: string
  readonly params?: QueryRequest['params']
}
interface AnswerOptions {
  readonly maxRows: number
  readonly readOnly: boolean
  readonly rowFormat: RowFormat
}

const NO_ROWS = { rowFormat: 'array', rowsMax: 0, bytesMax: 0, rowBytesMax: 0 } as const

/** SQLite through better-sqlite3 and the guard, on one connection that reads and writes. */
export class SqliteEngine implements Engine {
  readonly name = 'sqlite'
  readonly version: string
  readonly connection: number
  readonly #db: Database.Database
  readonly #guard: Guard
  readonly #statements: StatementCache
  readonly #begin: GuardedStatement
  readonly #beginImmediate: GuardedStatement
  readonly #commit: GuardedStatement
  readonly #rollback: GuardedStatement
  readonly #slabs = new SlabPool(ANSWER_BYTES_MAX)
  #schemaChanged = false

  constructor(options: OpenOptions) {
    const { db, guard } = openDatabase(options)
    this.#db = db
    this.#guard = guard
    this.connection = guard.connection
    this.#statements = new StatementCache(guard)
    this.version = String(db.prepare('select sqlite_version()').pluck().get())
    const platform = (sql: string) => guard.prepare(sql, 'platform', shapeOf)
    this.#begin = platform('BEGIN')
    this.#beginImmediate = platform('BEGIN IMMEDIATE')
    this.#commit = platform('COMMIT')
    this.#rollback = platform('ROLLBACK')
  }

  begin(request: number): void {
    this.#guard.begin(request)
  }

  end(): void {
    this.#guard.end()
  }

  query(request: QueryRequest): Payload {
    const text = new JsonText(this.#slabs)
    try {
      this.#run(request, request, text)
    } catch (error) {
      text.discard()
      throw toFailure(error, request.sql)
    } finally {
      this.#settle()
    }
    return text.payload()
  }

  batch(request: BatchRequest): Payload {
    const started = performance.now()
    const text = new JsonText(this.#slabs)
    text.add('{"results":[')
    try {
      this.#transaction(request, text)
    } catch (error) {
      text.discard()
      throw error
    } finally {
      this.#settle()
    }
    text.add(`],"durationMs":${millisecondsSince(started)}}`)
    return text.payload()
  }

  describe(request: DescribeRequest): Payload {
    try {
      return JSON.stringify(describeSchema(this.#db, request))
    } catch (error) {
      throw toFailure(error, '')
    }
  }

  close(): void {
    this.#settle()
    this.#runPlatform(this.#guard.prepare('PRAGMA wal_checkpoint(TRUNCATE)', 'platform', shapeOf))
    this.#guard.close()
    this.#db.close()
  }

  #transaction(request: BatchRequest, text: JsonText): void {
    try {
      this.#runPlatform(request.readOnly ? this.#begin : this.#beginImmediate)
      for (const [index, statement] of request.statements.entries()) {
        if (index > 0) text.add(',')
        this.#runOfBatch(statement, request, text, index)
      }
      this.#runPlatform(this.#commit)
    } catch (error) {
      throw toFailure(error, '')
    }
  }

  #runOfBatch(statement: Statement, options: AnswerOptions, text: JsonText, index: number): void {
    try {
      this.#run(statement, options, text)
      if (!this.#db.inTransaction)
        throw new WorkerFailure('sql.error', 'the statement ended the transaction')
    } catch (error) {
      throw toFailure(error, statement.sql, { statement: index })
    }
  }

  #run({ sql, params }: Statement, options: AnswerOptions, text: JsonText): void {
    const { maxRows, readOnly, rowFormat } = options
    const changesSchema = this.#statements.with(sql, readOnly, (statement) => {
      const values = bindArguments(statement.parameters, params)
      const bytesMax = ANSWER_BYTES_MAX - text.bytes
      statement.run(
        values,
        { rowFormat, rowsMax: maxRows, bytesMax, rowBytesMax: ANSWER_BYTES_MAX },
        text,
      )
      return statement.changesSchema
    })
    if (changesSchema) this.#forgetSchema()
  }

  #runPlatform(statement: GuardedStatement): void {
    const nowhere = new JsonText(this.#slabs)
    try {
      statement.run([], NO_ROWS, nowhere)
    } finally {
      nowhere.discard()
    }
  }

  /** What was known of columns no longer holds; nor will what is learnt now, should the batch be rolled back. */
  #forgetSchema(): void {
    this.#schemaChanged = true
    this.#statements.clear()
  }

  /** No request leaves a transaction behind. */
  #settle(): void {
    if (this.#db.inTransaction) this.#runPlatform(this.#rollback)
    if (this.#schemaChanged) this.#statements.clear()
    this.#schemaChanged = false
  }
}

const millisecondsSince = (started: number) =>
  Math.round((performance.now() - started) * 1000) / 1000
