import { z } from 'zod'

/** Every failure the API can report. A code never changes its meaning; the documentation is generated from here. */
export const ERRORS = {
  'request.invalid': { status: 400, title: 'The request does not match the contract' },
  'request.malformed': { status: 400, title: 'The body is not valid JSON' },
  'request.too_large': { status: 413, title: 'The body is too large' },
  'request.media_type': { status: 415, title: 'The body must be JSON' },
  'request.too_many': { status: 429, title: 'Too many requests in a short time' },
  'request.timeout': { status: 408, title: 'The request did not arrive in time' },
  'auth.required': { status: 401, title: 'A token is needed' },
  'auth.invalid': { status: 401, title: 'The token is not valid' },
  'auth.origin': { status: 403, title: 'The request comes from another origin' },
  'route.not_found': { status: 404, title: 'There is nothing at this address' },
  'database.not_found': { status: 404, title: 'There is no such database' },
  'database.conflict': { status: 409, title: 'A database of this name exists with other options' },
  'database.stopped': { status: 409, title: 'The database is stopped' },
  'engine.unavailable': { status: 503, title: 'This engine cannot be run here' },
  'engine.unsupported': { status: 409, title: 'The engine of this database has no such thing' },
  'database.failed': { status: 503, title: 'The database could not be started' },
  'database.busy': { status: 503, title: 'The database is busy' },
  'job.not_found': { status: 404, title: 'There is no such job' },
  'job.finished': { status: 409, title: 'The job is over' },
  'job.cancelled': { status: 409, title: 'The job was cancelled' },
  'idempotency.mismatch': {
    status: 422,
    title: 'The idempotency key was used for another request',
  },
  'idempotency.busy': { status: 409, title: 'The first request with this key is not done yet' },
  'idempotency.lost': {
    status: 409,
    title: 'The request with this key was done, and its answer was not kept',
  },
  'table.not_found': { status: 404, title: 'There is no such table' },
  'table.exists': { status: 409, title: 'A table of this name exists' },
  'column.not_found': { status: 400, title: 'There is no such column' },
  'row.not_found': { status: 404, title: 'There is no such row' },
  'row.key_invalid': { status: 400, title: 'The key does not fit the primary key of the table' },
  'filter.invalid': { status: 400, title: 'The filter cannot be read' },
  'filter.required': { status: 400, title: 'Changing every row needs an explicit filter' },
  'sql.error': { status: 400, title: 'The SQL statement failed' },
  'sql.constraint': { status: 409, title: 'The statement violates a constraint' },
  'sql.params': { status: 400, title: 'The parameters do not fit the statement' },
  'sql.multiple': { status: 400, title: 'One statement is expected' },
  'sql.denied': { status: 403, title: 'The statement is not allowed' },
  'query.not_found': { status: 404, title: 'There is no such query, or it has ended' },
  'query.conflict': { status: 409, title: 'A query of this id is under way' },
  'query.cancelled': { status: 409, title: 'The query was cancelled' },
  'query.timeout': { status: 504, title: 'The query took longer than its limit' },
  'transaction.not_found': { status: 404, title: 'There is no such transaction' },
  'transaction.ended': { status: 409, title: 'The transaction has ended' },
  'result.too_large': { status: 413, title: 'One row of the answer is larger than the limit' },
  'quota.exceeded': { status: 507, title: 'The database has reached its size limit' },
  'disk.full': { status: 507, title: 'The volume that holds the data is full' },
  'worker.unreachable': { status: 502, title: 'The worker did not answer' },
  'worker.restarted': { status: 502, title: 'The worker restarted while it handled the request' },
  'platform.full': { status: 503, title: 'As many databases as may run are at work' },
  'runtime.unavailable': { status: 503, title: 'The container runtime does not answer' },
  'gateway.stale': { status: 503, title: 'Another gateway has taken over' },
  'server.stopping': { status: 503, title: 'The gateway is stopping' },
  'server.internal': { status: 500, title: 'Something went wrong inside DB-Forge' },
} as const satisfies Record<string, { status: number; title: string }>

export type ErrorCode = keyof typeof ERRORS
export const ErrorCode = z.enum(Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]])

/** Where in an SQL text something is wrong: offset in characters from 0, line and column from 1. */
export const SqlPosition = z.object({
  offset: z.int().min(0),
  line: z.int().min(1),
  column: z.int().min(1),
})
export type SqlPosition = z.output<typeof SqlPosition>

/** A failure as it travels: RFC 9457 problem details. */
export const Problem = z
  .object({
    type: z.string().describe('Identifies the kind of problem; ends in its code'),
    title: z.string(),
    status: z.int(),
    code: ErrorCode,
    detail: z.string().optional(),
    instance: z.string().describe('The id of the request, as in the log'),
    errors: z
      .array(
        z.object({
          pointer: z
            .string()
            .optional()
            .describe('JSON pointer into the body, such as `#/maxRows`'),
          parameter: z.string().optional().describe('Name of a path or query parameter'),
          detail: z.string(),
        }),
      )
      .optional()
      .describe('What is wrong where'),
    sqlCode: z.string().optional().describe("The engine's own code, such as SQLITE_ERROR"),
    position: SqlPosition.optional(),
    statement: z.int().optional().describe('Which statement of a batch failed, from 0'),
  })
  .meta({ id: 'Problem' })
export type Problem = z.output<typeof Problem>
