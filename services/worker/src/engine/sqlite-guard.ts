/**
 * A connection that tenants' SQL may run on. The guard in C sits in the connection itself: whoever prepares a text,
 * the authorizer sees all that it touches before anything acts, and no SQL can reach the guard, for it adds no
 * function to the connection. This is the platform's side of it: prepares in one of three modes, runs to JSON text,
 * and marks which request runs, so that another thread can interrupt that one and no other.
 */
import type { RowFormat } from '@db-forge/contract'
import type Database from 'better-sqlite3'
import { type GuardLimits, limitList } from './sqlite-limits.ts'
import {
  DOES,
  FORMAT,
  GUARD_LIBRARY,
  MODE,
  type NativeColumn,
  type NativeGuard,
  type NativeValue,
  nativeGuard,
  STATE,
  TRANSACTION,
} from './sqlite-native.ts'

/**
 * `tenant` and `readOnly` hold a text to the rules; `platform` is for the platform's own constant texts, such as
 * COMMIT, and holds them to none.
 */
export type GuardMode = keyof typeof MODE

export interface RunOptions {
  readonly rowFormat: RowFormat
  readonly rowsMax: number
  /** Of the text up to the end of its rows. */
  readonly bytesMax: number
  readonly rowBytesMax: number
}

export interface StreamOptions extends RunOptions {
  readonly format: 'ndjson' | 'csv'
}

/** The first part of a stream is the list of its columns, the last one its end, both JSON; those between are rows. */
export interface Part {
  readonly rows: number
  readonly bytes: number
  readonly last: boolean
}

/** Where text is put, part by part. */
export interface TextSink {
  /** Room for the next part. */
  room(): Uint8Array
  wrote(bytes: number): void
}

/** How a statement's columns are written, for the columns that it has at this moment. */
export type Shape = (columns: readonly NativeColumn[]) => {
  readonly types: readonly number[]
  readonly keys: readonly string[]
  readonly heads: readonly string[]
}

export class Guard {
  readonly connection: number
  readonly #native: NativeGuard

  constructor(db: Database.Database, limits: GuardLimits) {
    this.#native = nativeGuard()
    db.loadExtension(GUARD_LIBRARY)
    this.connection = this.#native.lastGuard()
    this.#native.limit(this.connection, limits.busyMs, limitList(limits))
  }

  /** How long a statement waits for another connection's lock. */
  set busyMs(ms: number) {
    this.#native.limit(this.connection, ms, [])
  }

  /** From here to `end`, this request and no other can be interrupted. */
  begin(request: number): void {
    this.#native.begin(this.connection, request)
  }

  end(): void {
    this.#native.end(this.connection)
  }

  /** How long what the connection runs may take from now on; for ever if 0. */
  allow(ms: number): void {
    this.#native.allow(this.connection, ms)
  }

  get inTransaction(): boolean {
    return (this.#native.transaction(this.connection) & TRANSACTION.open) !== 0
  }

  /** Foreign keys are violated that the end of the transaction will check. */
  get defersViolations(): boolean {
    return (this.#native.transaction(this.connection) & TRANSACTION.defers) !== 0
  }

  /** @throws NativeError */
  prepare(sql: string, mode: GuardMode, shape: Shape): GuardedStatement {
    return new GuardedStatement(this.#native, this.connection, sql, mode, shape)
  }

  /** To be called before the connection is closed. */
  close(): void {
    this.#native.close(this.connection)
  }
}

const formatOf = ({ rowFormat }: RunOptions) => (rowFormat === 'array' ? FORMAT.arrays : 0)

export class GuardedStatement {
  readonly parameters: readonly (string | null)[]
  /** Memory that it takes, about. */
  readonly bytes: number
  /** Has been out of time before. */
  slow = false
  readonly #does: number
  readonly #native: NativeGuard
  readonly #connection: number
  readonly #id: number
  readonly #shape: Shape

  constructor(native: NativeGuard, connection: number, sql: string, mode: GuardMode, shape: Shape) {
    const { id, does, bytes, parameters, columns } = native.prepare(connection, sql, MODE[mode])
    this.parameters = parameters
    this.bytes = bytes
    this.#does = does
    this.#native = native
    this.#connection = connection
    this.#id = id
    this.#shape = shape
    if (columns.length > 0) this.#shapeColumns(columns)
  }

  /** Leaves the database, its settings and its transaction as they are. */
  get readOnly(): boolean {
    return (this.#does & DOES.write) === 0
  }
  get changesRows(): boolean {
    return (this.#does & DOES.rows) !== 0
  }
  get changesSchema(): boolean {
    return (this.#does & DOES.schema) !== 0
  }
  /** The file may need more room. */
  get grows(): boolean {
    return (this.#does & DOES.grows) !== 0
  }

  /**
   * Runs to the end of the answer.
   * @throws NativeError
   */
  run(values: readonly NativeValue[], options: RunOptions, sink: TextSink): void {
    try {
      let next = this.#start(values, options, sink)
      while (next) next = this.#more(sink)
    } catch (error) {
      this.stop()
      throw error
    }
  }

  /** One that takes no values, and whose rows nobody wants. @throws NativeError */
  step(): void {
    this.#native.step(this.#connection, this.#id)
  }

  /** Leaves what was started and has not come to its end. */
  stop(): void {
    this.#native.stop(this.#connection)
  }

  finalize(): void {
    this.#native.finalize(this.#connection, this.#id)
  }

  /** Runs to the end of the first part. @returns whether there is more. */
  #start(values: readonly NativeValue[], options: RunOptions, sink: TextSink): boolean {
    const given = this.#run(values, options, formatOf(options), sink.room())
    if (given !== STATE.reshape) return this.#wrote(given, sink)
    this.#shapeColumns(this.#native.columns(this.#connection, this.#id))
    return this.#more(sink)
  }

  /** Runs up to the first row, for `part` and `take`. */
  open(values: readonly NativeValue[], options: StreamOptions): void {
    const format = formatOf(options) | FORMAT.stream | (options.format === 'csv' ? FORMAT.csv : 0)
    if (this.#run(values, options, format) === STATE.reshape)
      this.#shapeColumns(this.#native.columns(this.#connection, this.#id))
  }

  /** Makes the next part, of about so many bytes, for `take` to hand out. */
  part(bytesMax: number): Part {
    const given = this.#native.part(this.#connection, bytesMax)
    const size = Math.floor(given / 4)
    return {
      rows: Math.floor(size / 2 ** 32),
      bytes: size % 2 ** 32,
      last: given % 4 === STATE.done,
    }
  }

  take(out: Uint8Array): void {
    this.#native.take(this.#connection, out)
  }

  #more(sink: TextSink): boolean {
    return this.#wrote(this.#native.more(this.#connection, sink.room()), sink)
  }

  #run(
    values: readonly NativeValue[],
    { rowsMax, bytesMax, rowBytesMax }: RunOptions,
    format: number,
    out?: Uint8Array,
  ): number {
    const native = this.#native
    const connection = this.#connection
    return native.run(connection, this.#id, values, format, rowsMax, bytesMax, rowBytesMax, out)
  }

  #wrote(given: number, sink: TextSink): boolean {
    sink.wrote(Math.floor(given / 4))
    return given % 4 === STATE.more
  }

  #shapeColumns(columns: readonly NativeColumn[]): void {
    const { types, keys, heads } = this.#shape(columns)
    this.#native.shape(this.#connection, this.#id, types, keys, heads)
  }
}
