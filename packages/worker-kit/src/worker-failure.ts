import type { ErrorCode, SqlPosition } from '@db-forge/contract'
import { errorFields, log } from './log.ts'

export interface FailureDetails {
  readonly sqlCode?: string
  readonly position?: SqlPosition
  /** Which statement of a batch, from 0. */
  readonly statement?: number
}

/** A failure that the caller is told about, with its code from the contract's table. */
export class WorkerFailure extends Error {
  readonly code: ErrorCode
  readonly details: FailureDetails
  constructor(
    code: ErrorCode,
    message: string,
    details: FailureDetails = {},
    options?: ErrorOptions,
  ) {
    super(message, options)
    this.name = 'WorkerFailure'
    this.code = code
    this.details = details
  }
}

const DETAIL_CHARACTERS_MAX = 10_000

/** JSON text of a WorkerError. What nobody foresaw goes to the log and is not shown. */
export function errorText(error: unknown): string {
  if (!(error instanceof WorkerFailure)) {
    log('error', 'a request failed unexpectedly', errorFields(error))
    return JSON.stringify({
      code: 'server.internal',
      detail: 'the worker failed; its log says why',
    })
  }
  const detail = error.message.slice(0, DETAIL_CHARACTERS_MAX)
  return JSON.stringify({ code: error.code, detail, ...error.details })
}
