import {
  CancelledError,
  CircuitOpenError,
  LanesBusyError,
  LateAnswerError,
  LinkDownError,
  WorkerFailure,
} from '../worker-link/link-errors.ts'
import { AppError } from './app-error.ts'

const CIRCUIT_RETRY_SECONDS = 2

/** What a caller is told of a request that failed on its way to the worker or there. */
export function appErrorOf(error: unknown, timeoutMs: number): AppError {
  if (error instanceof AppError) return error
  if (error instanceof WorkerFailure) return workerFailure(error)
  if (error instanceof CancelledError) return new AppError('query.cancelled')
  if (error instanceof LateAnswerError)
    return new AppError('query.timeout', `The limit was ${timeoutMs} ms`, { cause: error })
  if (error instanceof LanesBusyError)
    return new AppError('database.busy', 'All readers are at work', {
      cause: error,
      retryAfterSeconds: 1,
    })
  if (error instanceof CircuitOpenError)
    return new AppError('worker.unreachable', 'It has not answered for a while', {
      cause: error,
      retryAfterSeconds: CIRCUIT_RETRY_SECONDS,
    })
  if (error instanceof LinkDownError) return linkDown(error)
  return new AppError('server.internal', undefined, { cause: error })
}

function workerFailure({ failure }: WorkerFailure): AppError {
  const { code, detail, sqlCode, position, statement } = failure
  const extra = {
    ...(sqlCode === undefined ? {} : { sqlCode }),
    ...(position === undefined ? {} : { position }),
    ...(statement === undefined ? {} : { statement }),
  }
  return new AppError(code, detail, {
    extra,
    ...(code === 'database.busy' ? { retryAfterSeconds: 1 } : {}),
  })
}

function linkDown(error: LinkDownError): AppError {
  const options = { cause: error, retryAfterSeconds: 1 }
  return error.sent
    ? new AppError(
        'worker.restarted',
        'A change that was under way may or may not have been made',
        options,
      )
    : new AppError('worker.unreachable', undefined, options)
}
