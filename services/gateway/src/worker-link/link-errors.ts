import { type ErrorCode, statementErrors } from '@db-forge/contract'
import { WorkerError } from '@db-forge/contract/wire'

/** The connection is gone. `sent`: the request had been written, so the worker may have carried it out. */
export class LinkDownError extends Error {
  readonly sent: boolean
  constructor(message: string, sent: boolean, options?: ErrorOptions) {
    super(message, options)
    this.sent = sent
  }
}

/** The worker did not answer in time; whether it carries the request out is not known. */
export class LateAnswerError extends Error {}

/** Cancelled before any lane had begun it. */
export class CancelledError extends Error {}

/** No lane took it in time. */
export class LanesBusyError extends Error {}

/** The worker does not answer anything; it has not been asked. */
export class CircuitOpenError extends Error {}

/** The worker breaks the protocol; its connection is of no more use. */
export class ProtocolError extends Error {}

/** The worker answered that the request failed. */
export class WorkerFailure extends Error {
  readonly failure: WorkerError
  constructor(failure: WorkerError) {
    super(failure.detail)
    this.failure = failure
  }
}

/** What a worker may say of a statement. It has no say in who is signed in, or in which databases there are. */
const WORKER_CODES: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  ...statementErrors.filter((code) => code !== 'database.not_found'),
  'request.invalid',
  'request.too_large',
  'result.too_large',
  'sql.params',
  'sql.multiple',
  'sql.denied',
  'table.not_found',
  'transaction.not_found',
  'transaction.ended',
  'gateway.stale',
  'server.internal',
])

/** @throws ProtocolError */
export function failureOf(payload: Uint8Array): WorkerFailure {
  const failure = WorkerError.safeParse(parseJson(payload)).data
  if (!failure || !WORKER_CODES.has(failure.code))
    throw new ProtocolError('the worker sent an error that cannot be read')
  return new WorkerFailure(failure)
}

/** Undefined for what is not JSON. */
export function parseJson(payload: Uint8Array): unknown {
  try {
    return JSON.parse(textOf(payload))
  } catch {
    return undefined
  }
}

export const textOf = (payload: Uint8Array): string =>
  Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString()
