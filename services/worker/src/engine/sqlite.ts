import type { BatchRequest, QueryRequest, RowFormat } from '@db-forge/contract'
import type { DescribeRequest } from '@db-forge/contract/wire'
import type Database from 'better-sqlite3'
import { JsonText, type Payload, SlabPool } from '../json-text.ts'
import { denied, WorkerFailure } from '../worker-failure.ts'
import type { Engine } from './engine.ts'
import type { RowEncoder } from './sqlite-columns.ts'
import { describeSchema } from './sqlite-describe.ts'
import { toFailure } from './sqlite-errors.ts'
import { type OpenOptions, openDatabase } from './sqlite-open.ts'
import { type BindArguments, bindArguments } from './sqlite-parameters.ts'
import { type Prepared, StatementCache } from './sqlite-statements.ts'
import type { Cell } from './sqlite-values.ts'

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

/** SQLite through better-sqlite3, on one connection that reads and writes. */
export class SqliteEngine implements Engine {
  readonly name = 'sqlite'
  readonly version: string
  readonly #db: Database.Database
  readonly #statements: StatementCache
  readonly #begin: Database.Statement
  readonly #beginImmediate: Database.Statement
  readonly #commit: Database.Statement
  readonly #rollback: Database.Statement
  readonly #changes: Database.Statement<[], { changes: bigint; rowid: bigint }>
  readonly #slabs = new SlabPool(ANSWER_BYTES_MAX)
  #schemaChanged = false

  constructor(options: OpenOptions) {
    this.#db = openDatabase(options)
    this.#statements = new StatementCache(this.#db)
    this.version = String(this.#db.prepare('select sqlite_version()').pluck().get())
    this.#begin = this.#db.prepare('BEGIN')
    this.#beginImmediate = this.#db.prepare('BEGIN IMMEDIATE')
    this.#commit = this.#db.prepare('COMMIT')
    this.#rollback = this.#db.prepare('ROLLBACK')
    this.#changes = this.#db.prepare('select changes() as changes, last_insert_rowid() as rowid')
  }

  query(request: QueryRequest): Payload {
    const text = new JsonText(this.#slabs)
    try {
      this.#run(request, request, text)
    } catch (error) {
      throw toFailure(error, request.sql, this.#complain)
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
    } finally {
      this.#settle()
    }
    text.add(`],"durationMs":${millisecondsSince(started)}}`)
    return text.payload()
  }

  describe(request: DescribeRequest): Payload {
    return JSON.stringify(describeSchema(this.#db, request))
  }

  close(): void {
    this.#settle()
    this.#db.pragma('wal_checkpoint(TRUNCATE)')
    this.#db.close()
  }

  #transaction(request: BatchRequest, text: JsonText): void {
    const begin = request.readOnly ? this.#begin : this.#beginImmediate
    try {
      begin.run()
      for (const [index, statement] of request.statements.entries()) {
        if (index > 0) text.add(',')
        this.#runOfBatch(statement, request, text, index)
      }
      this.#commit.run()
    } catch (error) {
      throw toFailure(error, '', this.#complain)
    }
  }

  #runOfBatch(statement: Statement, options: AnswerOptions, text: JsonText, index: number): void {
    try {
      this.#run(statement, options, text)
      if (!this.#db.inTransaction)
        throw new WorkerFailure('sql.error', 'the statement ended the transaction')
    } catch (error) {
      throw toFailure(error, statement.sql, this.#complain, { statement: index })
    }
  }

  #run(statement: Statement, options: AnswerOptions, text: JsonText): void {
    const started = performance.now()
    const prepared = this.#statements.get(statement.sql)
    if (options.readOnly && !prepared.readOnly)
      throw denied('the statement would write, and the request is read-only')
    const args = bindArguments(prepared.slots, statement.params)
    const outcome = prepared.rows
      ? this.#collect(prepared, prepared.rows, args, options, text)
      : this.#execute(prepared, args, text)
    if (prepared.changesSchema) this.#forgetSchema()
    text.add(
      `${outcome.counts},"durationMs":${millisecondsSince(started)},"truncated":${outcome.truncated}}`,
    )
  }

  /** Runs what yields no rows. */
  #execute(prepared: Prepared, args: BindArguments, text: JsonText): Outcome {
    const { changes, lastInsertRowid } = prepared.statement.run(...args)
    text.add('{"columns":[],"rows":[')
    return {
      counts: countsText(prepared, BigInt(changes), BigInt(lastInsertRowid)),
      truncated: false,
    }
  }

  #collect(
    prepared: Prepared,
    encoder: RowEncoder,
    args: BindArguments,
    options: AnswerOptions,
    text: JsonText,
  ): Outcome {
    const rows = prepared.statement.iterate(...args) as IterableIterator<Cell[]>
    const truncated = writeRows(rows, encoder, options, text, prepared.readOnly)
    if (!prepared.changesRows) return { counts: NO_CHANGES, truncated }
    const { changes, rowid } = this.#changes.get() as { changes: bigint; rowid: bigint }
    return { counts: countsText(prepared, changes, rowid), truncated }
  }

  /** What was known of columns no longer holds; nor will what is learnt now, should the batch be rolled back. */
  #forgetSchema(): void {
    this.#schemaChanged = true
    this.#statements.clear()
  }

  readonly #complain = (sql: string): string | undefined => {
    try {
      this.#db.prepare(sql)
      return undefined
    } catch (error) {
      return error instanceof Error ? error.message : undefined
    }
  }

  /** No request leaves a transaction behind. */
  #settle(): void {
    if (this.#db.inTransaction) this.#rollback.run()
    if (this.#schemaChanged) this.#statements.clear()
    this.#schemaChanged = false
  }
}

interface Outcome {
  /** Closes the rows and says what changed. */
  readonly counts: string
  readonly truncated: boolean
}

const NO_CHANGES = '],"rowsAffected":0'

function countsText(prepared: Prepared, changes: bigint, rowid: bigint): string {
  if (!prepared.changesRows) return NO_CHANGES
  const counts = `],"rowsAffected":${changes}`
  if (!prepared.givesRowid || changes === 0n) return counts
  return `${counts},"lastInsertId":${Number.isSafeInteger(Number(rowid)) ? rowid : `"${rowid}"`}`
}

/**
 * Writes an answer up to its rows' end.
 * @returns whether there were more rows than it holds. A statement that writes runs to its end all the same.
 */
function writeRows(
  rows: IterableIterator<Cell[]>,
  encoder: RowEncoder,
  { maxRows, rowFormat }: AnswerOptions,
  text: JsonText,
  mayStop: boolean,
): boolean {
  try {
    let next = rows.next()
    const types = encoder.types(next.done ? undefined : next.value)
    text.add(`{"columns":${encoder.columnsText(types)},"rows":[`)
    for (let count = 0; !next.done; count += 1) {
      const row =
        count < maxRows
          ? fittingRow(encoder.row(next.value, types, rowFormat), text, mayStop)
          : null
      if (row === null) {
        if (!mayStop) while (!next.done) next = rows.next()
        return true
      }
      text.add(count === 0 ? row : `,${row}`)
      next = rows.next()
    }
    return false
  } finally {
    rows.return?.()
  }
}

/** The row if the answer has room for it. */
function fittingRow(row: string, text: JsonText, mayRefuse: boolean): string | null {
  if (row.length > ANSWER_BYTES_MAX && mayRefuse)
    throw new WorkerFailure('result.too_large', `a row is larger than ${ANSWER_BYTES_MAX} bytes`)
  return text.bytes + row.length <= ANSWER_BYTES_MAX ? row : null
}

const millisecondsSince = (started: number) =>
  Math.round((performance.now() - started) * 1000) / 1000
