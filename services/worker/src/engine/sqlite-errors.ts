import type { ErrorCode } from '@db-forge/contract'
import { type FailureDetails, WorkerFailure } from '@db-forge/worker-kit'
import Database from 'better-sqlite3'
import { Interrupted } from './engine.ts'
import { isNativeError, type NativeError } from './sqlite-native.ts'
import { positionOf } from './sqlite-position.ts'
import { resultCodeName } from './sqlite-result-codes.ts'
import { volumeIsFull } from './volume.ts'

/** What SQLite, the guard or better-sqlite3 threw, in the contract's words; what is no one's is handed back. */
export function toFailure(error: unknown, sql: string, details: FailureDetails = {}): unknown {
  if (error instanceof Interrupted)
    return new Interrupted({ ...error.details, ...details }, { cause: error })
  if (error instanceof WorkerFailure)
    return new WorkerFailure(
      error.code,
      error.message,
      { ...error.details, ...details },
      { cause: error },
    )
  if (isNativeError(error)) return fromNative(error, sql, details)
  if (error instanceof Database.SqliteError && error.code === 'SQLITE_INTERRUPT')
    return new Interrupted(details, { cause: error })
  if (error instanceof Database.SqliteError)
    return new WorkerFailure(
      codeOf(error.code, error.message),
      error.message,
      { sqlCode: error.code, ...details },
      { cause: error },
    )
  return error
}

function fromNative(error: NativeError, sql: string, details: FailureDetails): WorkerFailure {
  const sqlCode = resultCodeName(error.resultCode)
  if (sqlCode === 'SQLITE_INTERRUPT') return new Interrupted(details, { cause: error })
  const code = codeOf(sqlCode, error.message)
  if (code === 'sql.multiple' || code === 'sql.denied')
    return new WorkerFailure(code, error.message, details, { cause: error })
  const position = positionOf(error.message, error.offset, sql)
  return new WorkerFailure(
    code,
    error.message,
    { sqlCode, ...(position ? { position } : {}), ...details },
    { cause: error },
  )
}

/** The file or its disk is at fault, not the statement. */
const BROKEN = /^SQLITE_(?:IOERR|CORRUPT|NOTADB|CANTOPEN|READONLY)/

function codeOf(sqlCode: string, message: string): ErrorCode {
  if (sqlCode.startsWith('SQLITE_CONSTRAINT')) return 'sql.constraint'
  if (sqlCode.startsWith('SQLITE_FULL')) return volumeIsFull() ? 'disk.full' : 'quota.exceeded'
  if (sqlCode.startsWith('SQLITE_BUSY') || sqlCode.startsWith('SQLITE_LOCKED'))
    return 'database.busy'
  if (BROKEN.test(sqlCode)) {
    volumeIsFull()
    return 'database.failed'
  }
  if (sqlCode.startsWith('SQLITE_AUTH')) return 'sql.denied'
  if (sqlCode === 'SQLITE_MISUSE' && message.includes('more than one statement'))
    return 'sql.multiple'
  if (sqlCode === 'SQLITE_TOOBIG' && message.startsWith('a row is larger'))
    return 'result.too_large'
  return 'sql.error'
}
