import { ERRORS, type ErrorCode, type Problem } from '@db-forge/contract'

type Extra = Pick<Partial<Problem>, 'errors' | 'sqlCode' | 'position' | 'statement'>

/**
 * A failure with a code of the contract's table. `detail` is for the caller; `cause` is for the log alone.
 */
export class AppError extends Error {
  readonly code: ErrorCode
  readonly detail: string | undefined
  readonly extra: Extra
  /** When to try again, in seconds. */
  readonly retryAfterSeconds: number | undefined

  constructor(
    code: ErrorCode,
    detail?: string,
    options: { extra?: Extra; retryAfterSeconds?: number; cause?: unknown } = {},
  ) {
    super(detail ?? ERRORS[code].title, { cause: options.cause })
    this.name = 'AppError'
    this.code = code
    this.detail = detail
    this.extra = options.extra ?? {}
    this.retryAfterSeconds = options.retryAfterSeconds
  }
}
