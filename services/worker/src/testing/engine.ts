import { join } from 'node:path'
import type { BatchResult, QueryResult, SchemaInfo } from '@db-forge/contract'
import Database from 'better-sqlite3'
import { SqliteEngine } from '../engine/sqlite.ts'
import type { Payload } from '../json-text.ts'
import { WorkerFailure } from '../worker-failure.ts'
import { temporaryFolder } from './worker-process.ts'

const defaults = { maxRows: 1000, timeoutMs: 30_000, readOnly: false, rowFormat: 'object' } as const

function textOf(payload: Payload): string {
  if (typeof payload === 'string') return payload
  const text = Buffer.concat(payload.parts).toString()
  payload.release()
  return text
}

/** The real engine on a database of its own, asked as the gateway asks. */
export class EngineUnderTest {
  readonly path: string
  readonly engine: SqliteEngine
  readonly #folder = temporaryFolder()

  constructor(maxSizeMb = 64) {
    this.path = join(this.#folder.dir, 'main.sqlite')
    this.engine = new SqliteEngine({ path: this.path, maxSizeMb, memoryMb: 64 })
  }

  query(sql: string, params?: unknown, options: object = {}): QueryResult {
    return JSON.parse(this.text(sql, params, options))
  }

  text(sql: string, params?: unknown, options: object = {}): string {
    return textOf(this.engine.query({ sql, params, ...defaults, ...options } as never))
  }

  batch(statements: readonly (string | object)[], options: object = {}): BatchResult {
    const list = statements.map((statement) =>
      typeof statement === 'string' ? { sql: statement } : statement,
    )
    return JSON.parse(
      textOf(this.engine.batch({ statements: list, ...defaults, ...options } as never)),
    )
  }

  describe(request: object = {}): SchemaInfo {
    return JSON.parse(textOf(this.engine.describe({ counts: true, timeoutMs: 30_000, ...request })))
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
    this.engine.close()
    this.#folder.remove()
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
