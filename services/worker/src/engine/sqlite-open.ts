import { EXIT, StartError } from '@db-forge/worker-kit'
import Database from 'better-sqlite3'
import { Guard } from './sqlite-guard.ts'
import { guardLimits } from './sqlite-limits.ts'

/** By what the memory for its cache is divided. All but the writer's are opened read-only. */
const CACHE_SHARES = { writer: 16, reader: 32, pooled: 128 } as const

export interface OpenOptions {
  readonly path: string
  readonly maxSizeMb: number
  readonly memoryMb: number
  readonly role: keyof typeof CACHE_SHARES
}

export interface OpenDatabase {
  readonly db: Database.Database
  readonly guard: Guard
  readonly pageBytes: number
  /** What the file may have at most. */
  readonly pagesMax: number
}

const WAL_KEPT_BYTES = 8 * 1024 * 1024

/**
 * Opens the database, a writer with everything an acknowledged commit relies on, reads that back, and guards the
 * connection.
 * @throws StartError if the file is not a database or a setting does not hold.
 */
export function openDatabase(options: OpenOptions): OpenDatabase {
  const limits = guardLimits(options.memoryMb)
  let db: Database.Database | undefined
  try {
    db = new Database(options.path, {
      timeout: limits.busyMs,
      readonly: options.role !== 'writer',
    })
    if (options.role === 'writer') db.pragma('journal_mode = WAL')
    const pages = configure(db, options)
    return { db, guard: new Guard(db, limits), ...pages }
  } catch (error) {
    db?.close()
    if (error instanceof StartError) throw error
    const reason = error instanceof Error ? error.message : String(error)
    throw new StartError(EXIT.databaseUnusable, `the database cannot be opened: ${reason}`, {
      cause: error,
    })
  }
}

/** What a connection is told for itself. A reader is told what only a writer needs too, so that it says the same of it. */
function configure(db: Database.Database, { maxSizeMb, memoryMb, role }: OpenOptions) {
  db.defaultSafeIntegers(true)
  db.pragma('foreign_keys = ON')
  db.pragma('trusted_schema = OFF')
  db.pragma('cell_size_check = ON')
  // In WAL the build's default is NORMAL, which an acknowledged commit does not survive at power loss.
  db.pragma('synchronous = FULL')
  db.pragma(`journal_size_limit = ${WAL_KEPT_BYTES}`)
  db.pragma(`cache_size = -${cacheKib(memoryMb, role)}`)
  const pageBytes = Number(db.pragma('page_size', { simple: true }))
  db.pragma(`max_page_count = ${pagesIn(maxSizeMb, pageBytes)}`)
  db.prepare('select count(*) from sqlite_schema').get()
  expect(db, 'journal_mode', 'wal')
  expect(db, 'synchronous', 2n)
  expect(db, 'foreign_keys', 1n)
  expect(db, 'trusted_schema', 0n)
  return { pageBytes, pagesMax: pagesMax(db) }
}

export const pagesIn = (megabytes: number, pageBytes: number): number =>
  Math.floor((megabytes * 1024 * 1024) / pageBytes)

/** The limit that holds, which no file is made smaller by. */
export const pagesMax = (db: Database.Database): number =>
  Number(db.pragma('max_page_count', { simple: true }))

/** Little: Node itself needs most of a small worker's memory. */
const cacheKib = (memoryMb: number, role: OpenOptions['role']) =>
  Math.max(Math.floor((Math.min(memoryMb, 4096) * 1024) / CACHE_SHARES[role]), 512)

function expect(db: Database.Database, pragma: string, wanted: string | bigint): void {
  const found = db.pragma(pragma, { simple: true })
  if (found === wanted) return
  throw new StartError(EXIT.databaseUnusable, `${pragma} is ${found} where it must be ${wanted}`)
}
