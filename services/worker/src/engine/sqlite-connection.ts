import type { QueryRequest, RowFormat } from '@db-forge/contract'
import type { StreamCommand } from '@db-forge/contract/wire'
import { type Payload, WorkerFailure } from '@db-forge/worker-kit'
import type Database from 'better-sqlite3'
import { JsonText, type SlabPool } from '../json-text.ts'
import { type Interruptible, type Refusal, WrongLane } from './engine.ts'
import { shapeOf } from './sqlite-columns.ts'
import { toFailure } from './sqlite-errors.ts'
import type { Guard, GuardedStatement } from './sqlite-guard.ts'
import { isBroken, isOutOfTime, wouldWrite } from './sqlite-native.ts'
import {
  type OpenDatabase,
  type OpenOptions,
  openDatabase,
  pagesIn,
  pagesMax,
} from './sqlite-open.ts'
import { bindArguments } from './sqlite-parameters.ts'
import { StatementCache } from './sqlite-statements.ts'

/** Rows of an answer end here; a batch has this much for all its answers. */
export const ANSWER_BYTES_MAX = 4 * 1024 * 1024

/** Per megabyte of the worker's memory: prepared statements that are kept. */
const STATEMENT_BYTES = 16 * 1024

export interface Statement {
  readonly sql: string
  readonly params?: QueryRequest['params']
}

export interface AnswerOptions {
  readonly maxRows: number
  readonly readOnly: boolean
  readonly rowFormat: RowFormat
}

/** Looks at a statement that has been prepared, and throws if it shall not run. */
export type Check = (statement: GuardedStatement) => void

const WORDS = {
  begin: 'BEGIN',
  beginImmediate: 'BEGIN IMMEDIATE',
  commit: 'COMMIT',
  rollback: 'ROLLBACK',
  look: 'SELECT 1 FROM sqlite_schema LIMIT 1',
  shrink: 'PRAGMA shrink_memory',
  checkpoint: 'PRAGMA wal_checkpoint(TRUNCATE)',
} as const

/** A guarded connection with its prepared statements: runs one statement at a time, to JSON text. */
export class Connection implements Interruptible {
  /** Why what grows is refused. */
  refusal: Refusal | null = null
  readonly #options: OpenOptions
  readonly #reader: boolean
  readonly #slabs: SlabPool
  readonly #words = new Map<keyof typeof WORDS, GuardedStatement>()
  #open: OpenDatabase
  #statements: StatementCache
  #schemaChanged = false
  #broken = false
  #maxSizeMb: number
  /** The limit that SQLite holds; more than was asked for where the file is larger. */
  #pagesMax: number

  constructor(options: OpenOptions, slabs: SlabPool) {
    this.#options = options
    this.#reader = options.role !== 'writer'
    this.#slabs = slabs
    this.#open = openDatabase(options)
    this.#statements = this.#newCache()
    this.#maxSizeMb = options.maxSizeMb
    this.#pagesMax = this.#open.pagesMax
  }

  get db(): Database.Database {
    return this.#open.db
  }

  get guard(): Guard {
    return this.#open.guard
  }

  get maxSizeMb(): number {
    return this.#maxSizeMb
  }

  /** Takes effect at once, or, while a transaction is open, when it is said again. */
  set maxSizeMb(megabytes: number) {
    const wanted = pagesIn(megabytes, this.#open.pageBytes)
    if ((megabytes === this.#maxSizeMb && this.#pagesMax === wanted) || this.db.inTransaction)
      return
    this.#maxSizeMb = megabytes
    const limit = this.guard.prepare(`PRAGMA max_page_count = ${wanted}`, 'platform', shapeOf)
    try {
      limit.step()
    } finally {
      limit.finalize()
    }
    this.#pagesMax = pagesMax(this.db)
  }

  /** The limit was lowered below what the data take, in the main file or still in the log. */
  get #isTooLarge(): boolean {
    return this.#pagesMax > pagesIn(this.#maxSizeMb, this.#open.pageBytes)
  }

  get connection(): number {
    return this.guard.connection
  }

  begin(request: number): void {
    this.guard.begin(request)
  }

  end(): void {
    this.guard.end()
  }

  /** One of the platform's own statements. @throws NativeError */
  say(word: keyof typeof WORDS): void {
    let statement = this.#words.get(word)
    if (!statement) {
      statement = this.guard.prepare(WORDS[word], 'platform', shapeOf)
      this.#words.set(word, statement)
    }
    try {
      statement.step()
    } catch (error) {
      throw this.noted(error)
    }
  }

  /**
   * JSON text of a QueryResult.
   * @throws WorkerFailure, and WrongLane where a reader has been given what writes.
   */
  answer(statement: Statement, options: AnswerOptions, check?: Check): Payload {
    const text = new JsonText(this.#slabs)
    try {
      this.run(statement, options, text, check)
      return text.payload()
    } catch (error) {
      text.discard()
      throw toFailure(error, statement.sql)
    }
  }

  /** @throws NativeError, WorkerFailure, WrongLane */
  run({ sql, params }: Statement, options: AnswerOptions, text: JsonText, check?: Check): void {
    const { maxRows, readOnly, rowFormat } = options
    const changesSchema = this.#with(sql, readOnly, (statement) => {
      this.#admit(statement, check)
      const values = bindArguments(statement.parameters, params)
      const bytesMax = ANSWER_BYTES_MAX - text.bytes
      const limits = { rowFormat, rowsMax: maxRows, bytesMax, rowBytesMax: ANSWER_BYTES_MAX }
      try {
        statement.run(values, limits, text)
      } catch (error) {
        if (isOutOfTime(error)) statement.slow = true
        throw error
      }
      return statement.changesSchema
    })
    if (changesSchema) this.#forgetSchema()
  }

  /**
   * Runs a statement up to its first row, to be read part by part. Whoever asks finalizes it.
   * @throws NativeError, WorkerFailure, WrongLane
   */
  open(command: StreamCommand, bytesMax: number, check?: Check): GuardedStatement {
    const { sql, params, readOnly, rowFormat, format, maxRows } = command
    const mode = readOnly || this.#reader ? 'readOnly' : 'tenant'
    const statement = this.#lane(readOnly, () => this.guard.prepare(sql, mode, shapeOf))
    try {
      this.#admit(statement, check)
      if (statement.changesSchema) this.#forgetSchema()
      const values = bindArguments(statement.parameters, params)
      const limits = { rowsMax: maxRows ?? -1, bytesMax, rowBytesMax: ANSWER_BYTES_MAX }
      statement.open(values, { rowFormat, format, ...limits })
      return statement
    } catch (error) {
      statement.finalize()
      throw this.noted(error)
    }
  }

  /** Remembers what the connection may not be used after. */
  noted(error: unknown): unknown {
    if (isBroken(error)) this.#broken = true
    return error
  }

  /**
   * No request leaves a transaction behind, nor a connection whose file or disk has failed it: what was not committed
   * is given up, nothing is written or synced again, and another one is opened.
   * @throws StartError if that cannot be done.
   */
  settle(): void {
    if (this.db.inTransaction) this.say('rollback')
    if (this.#schemaChanged) this.#statements.clear()
    this.#schemaChanged = false
    if (this.#broken) this.#reopen()
  }

  /** Gives back the memory that only further use would need. */
  rest(): void {
    this.settle()
    this.#statements.clear()
    this.say('shrink')
  }

  /** With what was acknowledged in the main file, unless that has failed. */
  finish(): void {
    if (!this.#broken) {
      this.settle()
      if (!this.#reader) this.say('checkpoint')
    }
    this.close()
  }

  close(): void {
    if (!this.db.open) return
    this.guard.close()
    this.db.close()
  }

  #newCache(): StatementCache {
    return new StatementCache(this.guard, Math.min(this.#options.memoryMb, 2048) * STATEMENT_BYTES)
  }

  #reopen(): void {
    this.close()
    this.#words.clear()
    this.#open = openDatabase({ ...this.#options, maxSizeMb: this.#maxSizeMb })
    this.#pagesMax = this.#open.pagesMax
    this.#statements = this.#newCache()
    this.#broken = false
  }

  #with<T>(sql: string, readOnly: boolean, use: (statement: GuardedStatement) => T): T {
    return this.#lane(readOnly, () => this.#statements.with(sql, readOnly || this.#reader, use))
  }

  #admit(statement: GuardedStatement, check: Check | undefined): void {
    check?.(statement)
    const refusal = this.#isTooLarge ? 'quota' : this.refusal
    if (refusal && statement.grows) throw REFUSALS[refusal]()
  }

  /** @throws WrongLane where a reader is asked to prepare what writes. */
  #lane<T>(readOnly: boolean, prepare: () => T): T {
    try {
      return prepare()
    } catch (error) {
      if (this.#reader && !readOnly && wouldWrite(error)) throw new WrongLane()
      throw this.noted(error)
    }
  }

  /** What was known of columns no longer holds; nor will what is learnt now, should it be rolled back. */
  #forgetSchema(): void {
    this.#schemaChanged = true
    this.#statements.clear()
  }
}

const REFUSALS = {
  quota: () =>
    new WorkerFailure(
      'quota.exceeded',
      'the database takes more room on disk than it may: only what deletes, drops or reads is run',
    ),
  disk: () =>
    new WorkerFailure(
      'disk.full',
      'the volume has no room left: only what deletes, drops or reads is run',
    ),
}
