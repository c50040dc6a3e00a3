import type { ErrorCode, SqlPosition } from '@db-forge/contract'
import { type FailureDetails, WorkerFailure } from '@db-forge/worker-kit'
import type { ErrorFields } from '../wire/responses.ts'

const CODES: Readonly<Record<string, ErrorCode>> = {
  '08P01': 'sql.params',
  '25006': 'sql.denied',
  '42501': 'sql.denied',
  '53100': 'disk.full',
  '53300': 'database.busy',
  '53400': 'quota.exceeded',
  '55P03': 'database.busy',
  '57014': 'query.timeout',
  '57P01': 'worker.restarted',
  '57P02': 'worker.restarted',
  '57P03': 'database.busy',
  XX001: 'database.failed',
  XX002: 'database.failed',
  '58030': 'database.failed',
}

/** What the server says, in the contract's words. */
export function toFailure(
  error: ErrorFields,
  sql: string,
  details: FailureDetails = {},
): WorkerFailure {
  const { C: sqlCode = '', M: message = 'the server failed', D: more, H: hint, P: position } = error
  const detail = [message, more, hint && `Hint: ${hint}`].filter(Boolean).join('\n')
  const at = position ? positionAt(sql, Number(position) - 1) : undefined
  return new WorkerFailure(codeOf(sqlCode, message), detail, {
    sqlCode,
    ...(at ? { position: at } : {}),
    ...details,
  })
}

function codeOf(sqlCode: string, message: string): ErrorCode {
  if (sqlCode.startsWith('23')) return 'sql.constraint'
  if (sqlCode === '42601' && message.includes('multiple commands')) return 'sql.multiple'
  return CODES[sqlCode] ?? 'sql.error'
}

/** The server counts characters, the contract UTF-16 units. */
function positionAt(sql: string, characters: number): SqlPosition {
  const before = [...sql].slice(0, characters).join('')
  const lineStart = before.lastIndexOf('\n') + 1
  return {
    offset: before.length,
    line: before.split('\n').length,
    column: before.length - lineStart + 1,
  }
}

/** The connection ended under a request, and nobody had asked for it. */
export function lostFailure(error: ErrorFields | null): WorkerFailure {
  if (error && error['C'] !== '57P01') return toFailure(error, '')
  return new WorkerFailure(
    'worker.restarted',
    'the database restarted while the statement ran; whether it took effect is not known',
  )
}
