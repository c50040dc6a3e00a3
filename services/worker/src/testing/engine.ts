import { join } from 'node:path'
import type { BatchResult, QueryResult, SchemaInfo } from '@db-forge/contract'
import type { QueryCommand } from '@db-forge/contract/wire'
import { type Payload, WorkerFailure } from '@db-forge/worker-kit'
import Database from 'better-sqlite3'
import type { Interruptible, QueryJob } from '../engine/engine.ts'
import { SqliteEngine } from '../engine/sqlite.ts'
import type { GroupTimes } from '../engine/sqlite-group.ts'
import { temporaryFolder } from './worker-process.ts'

const defaults = { maxRows: 1000, readOnly: false, rowFormat: 'object' } as const

export function textOf(payload: Payload): string {
  if (typeof payload === 'string') return payload
  const text = Buffer.concat(payload.parts).toString()
  payload.release()
  return text
}

export const commandOf = (sql: string, params?: unknown, options: object = {}) =>
  ({ sql, params, ...defaults, ...options }) as never as QueryCommand

let requests = 0

/** A job that remembers what the engine told it, in the engine's order. */
export class RecordedJob implements QueryJob {
  readonly command: QueryCommand
  readonly told: string[] = []
  answer: string | undefined
  error: unknown
  /** By which it can be interrupted. */
  request = 0
  readonly #runs: boolean
  readonly #onTold: (job: RecordedJob, what: string) => void

  constructor(
    command: QueryCommand,
    onTold: (job: RecordedJob, what: string) => void = () => {},
    runs = true,
  ) {
    this.command = command
    this.#onTold = onTold
    this.#runs = runs
  }

  begin(on: Interruptible): boolean {
    requests += 1
    this.request = requests
    if (this.#runs) on.begin(requests)
    this.#tell('begin')
    return this.#runs
  }

  end(on: Interruptible): void {
    on.end()
    this.#tell('end')
  }

  succeed(answer: Payload): void {
    this.answer = textOf(answer)
    this.#tell('succeed')
  }

  fail(error: unknown): void {
    this.error = error
    this.#tell('fail')
  }

  misplaced(): void {
    this.#tell('misplaced')
  }

  /** @throws what it failed with. */
  text(): string {
    if (this.error !== undefined) throw this.error
    if (this.answer === undefined) throw new Error(`it was not answered: ${this.told.join()}`)
    return this.answer
  }

  #tell(what: string): void {
    this.told.push(what)
    this.#onTold(this, what)
  }
}

/** The real engine on a database of its own, asked as a lane asks. */
export class EngineUnderTest {
  readonly path: string
  readonly engine: SqliteEngine
  readonly #folder = temporaryFolder()
  #reader: SqliteEngine | undefined

  /** @param group where it matters what runs together, it must not be up to the machine's speed. */
  constructor(maxSizeMb = 64, group?: GroupTimes) {
    this.path = join(this.#folder.dir, 'main.sqlite')
    this.engine = new SqliteEngine({
      ...this.#options(maxSizeMb),
      role: 'writer',
      ...(group ? { group } : {}),
    })
  }

  /** A second engine, as a lane that reads has it. */
  get reader(): SqliteEngine {
    this.#reader ??= new SqliteEngine({ ...this.#options(64), role: 'reader' })
    return this.#reader
  }

  query(sql: string, params?: unknown, options: object = {}): QueryResult {
    return JSON.parse(this.text(sql, params, options))
  }

  text(sql: string, params?: unknown, options: object = {}): string {
    return this.job(this.engine, commandOf(sql, params, options)).text()
  }

  job(engine: SqliteEngine, command: QueryCommand): RecordedJob {
    const job = new RecordedJob(command)
    engine.queries([job])
    return job
  }

  batch(statements: readonly (string | object)[], options: object = {}): BatchResult {
    return this.batchOn(this.engine, statements, options)
  }

  batchOn(
    engine: SqliteEngine,
    statements: readonly (string | object)[],
    options: object = {},
  ): BatchResult {
    const list = statements.map((statement) =>
      typeof statement === 'string' ? { sql: statement } : statement,
    )
    const command = { statements: list, transaction: 'write', ...defaults, ...options }
    return JSON.parse(textOf(engine.batch(command as never)))
  }

  describe(request: object = {}, timeoutMs = 30_000): SchemaInfo {
    return JSON.parse(textOf(this.engine.describe({ counts: true, ...request }, timeoutMs)))
  }

  /** First cell of the first row. */
  value(sql: string, params?: unknown): unknown {
    return this.query(sql, params, { rowFormat: 'array' }).rows[0]?.[0 as never]
  }

  /** A connection of its own, to see what is really stored. */
  witness(): Database.Database {
    return new Database(this.path, { readonly: true })
  }

  close(): void {
    try {
      this.#reader?.close()
      this.engine.close()
    } finally {
      this.#folder.remove()
    }
  }

  #options(maxSizeMb: number) {
    return { path: this.path, maxSizeMb, memoryMb: 64 }
  }
}

/** The failure that an action ends with. */
export function failure(action: () => unknown): WorkerFailure {
  try {
    action()
  } catch (error) {
    if (error instanceof WorkerFailure) return error
    throw error
  }
  throw new Error('it did not fail')
}
