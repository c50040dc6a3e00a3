import type { ErrorCode } from '@db-forge/contract'
import Database from 'better-sqlite3'
import { type FailureDetails, WorkerFailure } from '../worker-failure.ts'
import { type Complain, positionOf } from './sqlite-position.ts'

/** What better-sqlite3 or SQLite threw, in the contract's words; what is neither's is handed back as it is. */
export function toFailure(
  error: unknown,
  sql: string,
  complain: Complain,
  details: FailureDetails = {},
): unknown {
  if (error instanceof WorkerFailure)
    return new WorkerFailure(
      error.code,
      error.message,
      { ...error.details, ...details },
      { cause: error },
    )
  if (error instanceof Database.SqliteError) {
    const position = positionOf(error.message, sql, complain)
    const all = { sqlCode: error.code, ...(position ? { position } : {}), ...details }
    return new WorkerFailure(codeOf(error.code), error.message, all, { cause: error })
  }
  // better-sqlite3 reports its own findings as RangeError: before running, a second statement in the text.
  if (error instanceof RangeError && /more than one statement/.test(error.message))
    return new WorkerFailure(
      'sql.multiple',
      'the text holds more than one statement: use batch',
      details,
    )
  if (error instanceof RangeError)
    return new WorkerFailure('sql.error', error.message, details, { cause: error })
  return error
}

/** The file or its disk is at fault, not the statement. */
const BROKEN = /^SQLITE_(?:IOERR|CORRUPT|NOTADB|CANTOPEN|READONLY)/

function codeOf(sqlCode: string): ErrorCode {
  if (sqlCode.startsWith('SQLITE_CONSTRAINT')) return 'sql.constraint'
  if (sqlCode.startsWith('SQLITE_FULL')) return 'quota.exceeded'
  if (sqlCode.startsWith('SQLITE_BUSY') || sqlCode.startsWith('SQLITE_LOCKED'))
    return 'database.busy'
  if (BROKEN.test(sqlCode)) return 'database.failed'
  return 'sql.error'
}
