import { ERRORS, type ErrorCode, type Problem } from '@db-forge/contract'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod'
import { AppError } from '../core/app-error.ts'

const PROBLEM_TYPE = 'application/problem+json'

/** Every failure leaves as RFC 9457 problem details. What was not foreseen says nothing about its cause. */
export function registerProblems(app: FastifyInstance): void {
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const failure = toAppError(error)
    if (failure.code === 'server.internal')
      request.log.error({ reqId: request.id, err: error }, 'unexpected error')
    else if (ERRORS[failure.code].status >= 500)
      request.log.warn(
        { reqId: request.id, code: failure.code, err: failure.cause },
        'request failed',
      )
    return sendProblem(reply, failure)
  })
  app.setNotFoundHandler((request, reply) =>
    sendProblem(reply, new AppError('route.not_found', `${request.method} ${pathOf(request)}`)),
  )
}

/** A failure as it travels. */
export function problemOf(error: AppError, requestId: string): Problem {
  const { status, title } = ERRORS[error.code]
  return {
    type: `urn:db-forge:problem:${error.code}`,
    title,
    status,
    code: error.code,
    ...(error.detail === undefined ? {} : { detail: error.detail }),
    instance: requestId,
    ...error.extra,
  }
}

function sendProblem(reply: FastifyReply, error: AppError): FastifyReply {
  const { request } = reply
  const problem = problemOf(error, request.id)
  if (error.retryAfterSeconds !== undefined) reply.header('retry-after', error.retryAfterSeconds)
  if (error.code === 'auth.required' || error.code === 'auth.invalid')
    reply.header('www-authenticate', 'Bearer')
  request.problemCode = error.code
  return reply.code(problem.status).type(PROBLEM_TYPE).send(JSON.stringify(problem))
}

function toAppError(error: FastifyError): AppError {
  if (error instanceof AppError) return error
  if (hasZodFastifySchemaValidationErrors(error)) return validationError(error)
  const code = FASTIFY_CODES[error.code]
  if (code) return new AppError(code, error.message, { cause: error })
  if (error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500)
    return new AppError('request.invalid', error.message, { cause: error })
  return new AppError('server.internal', undefined, { cause: error })
}

const FASTIFY_CODES: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'request.too_large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'request.media_type',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'request.malformed',
  FST_ERR_CTP_INVALID_JSON_BODY: 'request.malformed',
}

interface ValidationIssue {
  readonly instancePath: string
  readonly message?: string
}

/** Issues in the body as JSON pointers (RFC 6901, in a URI fragment as in RFC 9457's example). */
function validationError(error: {
  readonly validation: readonly ValidationIssue[]
  readonly validationContext?: string
}): AppError {
  const inBody = error.validationContext === 'body'
  const errors = error.validation.map(({ instancePath, message }) => ({
    ...(inBody
      ? { pointer: `#${instancePath.replace(/^\/$/, '')}` }
      : { parameter: instancePath.slice(1) }),
    detail: message ?? 'not valid',
  }))
  const [first] = errors
  const where = first && ('pointer' in first ? first.pointer : first.parameter)
  return new AppError('request.invalid', first && `${where}: ${first.detail}`, {
    extra: { errors },
  })
}

const pathOf = (request: FastifyRequest) => request.url.split('?')[0] ?? ''

declare module 'fastify' {
  interface FastifyRequest {
    /** Code of the problem that the request ended with, for log and metrics. */
    problemCode: ErrorCode | undefined
  }
}
