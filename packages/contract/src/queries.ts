import { z } from 'zod'
import { DatabaseName, QUERY_TIMEOUT_MS_MAX } from './databases.ts'
import { Problem } from './errors.ts'
import { route } from './route.ts'
import { ColumnType, InputValue, JsonValue } from './values.ts'

export const Params = z
  .union([z.array(InputValue).max(32_766), z.record(z.string(), InputValue)])
  .describe(
    'SQLite: values for `?`, `?1` (an array) or `:name`, `@name`, `$name` (an object, names without their sign). PostgreSQL: an array for `$1`, `$2`',
  )
export type Params = z.output<typeof Params>

const sql = z.string().min(1).max(1_000_000)
export const RowFormat = z.enum(['object', 'array'])
export type RowFormat = z.output<typeof RowFormat>

export const QueryId = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/)
export type QueryId = z.output<typeof QueryId>

const answerOptions = {
  timeoutMs: z
    .int()
    .min(1)
    .max(QUERY_TIMEOUT_MS_MAX)
    .optional()
    .describe("Milliseconds until it is interrupted; the database's own limit if absent"),
  queryId: QueryId.optional().describe(
    'By which it can be cancelled; the id of the request if absent',
  ),
  readOnly: z.boolean().default(false).describe('Refuse the statement if it would write'),
  rowFormat: RowFormat.default('object'),
}

export const QueryRequest = z
  .strictObject({
    sql,
    params: Params.optional(),
    ...answerOptions,
    maxRows: z
      .int()
      .min(0)
      .optional()
      .describe(
        'More rows than this are cut off, and `truncated` says so. JSON: 1000 if absent, 100000 at most; a stream: all of them',
      ),
  })
  .meta({ id: 'QueryRequest' })
export type QueryRequest = z.output<typeof QueryRequest>

export const BatchRequest = z
  .strictObject({
    statements: z
      .array(z.strictObject({ sql, params: Params.optional() }))
      .min(1)
      .max(10_000),
    transaction: z
      .enum(['write', 'read', 'none'])
      .default('write')
      .describe(
        '`write`: all or nothing, one writer at a time. `read`: one snapshot, nothing may be written. `none`: each statement commits alone, up to the first that fails',
      ),
    ...answerOptions,
    maxRows: z.int().min(0).max(100_000).default(1000).describe('Of each answer'),
  })
  .meta({ id: 'BatchRequest' })
export type BatchRequest = z.output<typeof BatchRequest>

export const Column = z.object({
  name: z.string(),
  type: ColumnType.describe('How strings in this column are to be read'),
  declared: z.string().nullable().describe('The type the table declares; null for an expression'),
  key: z
    .string()
    .optional()
    .describe('The member that holds it in rows that are objects, where that is not its name'),
})
export type Column = z.output<typeof Column>

export const QueryResult = z
  .object({
    columns: z.array(Column),
    rows: z.array(z.union([z.array(JsonValue), z.record(z.string(), JsonValue)])),
    rowsAffected: z.int(),
    lastInsertId: z
      .union([z.int(), z.string()])
      .optional()
      .describe('After an INSERT of SQLite; a string beyond 2^53−1'),
    durationMs: z.number(),
    truncated: z.boolean().describe('There are more rows than the answer holds'),
  })
  .meta({ id: 'QueryResult' })
export type QueryResult = z.output<typeof QueryResult>

export const BatchResult = z
  .object({ results: z.array(QueryResult), durationMs: z.number() })
  .meta({ id: 'BatchResult' })
export type BatchResult = z.output<typeof BatchResult>

/** A line of an answer in `application/x-ndjson`: one member, which says what it is. Rows come in groups. */
export const StreamFrame = z
  .union([
    z.strictObject({ meta: z.object({ queryId: z.string(), columns: z.array(Column) }) }),
    z.strictObject({
      rows: z.array(z.union([z.array(JsonValue), z.record(z.string(), JsonValue)])),
    }),
    z.strictObject({ notice: z.object({ kind: z.string(), detail: z.string() }) }),
    z.strictObject({
      end: QueryResult.omit({ columns: true, rows: true }).extend({ rowCount: z.int() }),
    }),
    z.strictObject({ error: Problem }),
  ])
  .meta({ id: 'StreamFrame' })
export type StreamFrame = z.output<typeof StreamFrame>

export const RunningQuery = z
  .object({
    id: z.string(),
    sql: z.string().describe('The first 1000 characters; of a batch, its first statement'),
    kind: z.enum(['query', 'batch', 'stream', 'schema']),
    startedAt: z.iso.datetime(),
    elapsedMs: z.number(),
    timeoutMs: z.int(),
    rows: z.int().describe('Rows sent so far, of a stream'),
    by: z.string().describe('Who asked: `admin token`, `dashboard`'),
    transaction: z.string().nullable(),
    cancelling: z.boolean(),
  })
  .meta({ id: 'RunningQuery' })
export type RunningQuery = z.output<typeof RunningQuery>

export const TransactionId = z.string().regex(/^tx_[A-Za-z0-9_-]{16,64}$/)

export const TransactionBegin = z
  .strictObject({
    mode: z
      .enum(['write', 'read'])
      .default('write')
      .describe('`write`: the only one that writes until it ends. `read`: one snapshot'),
    timeoutMs: z
      .int()
      .min(1)
      .max(600_000)
      .default(60_000)
      .describe('Milliseconds until it is rolled back, whatever happens'),
    idleTimeoutMs: z
      .int()
      .min(1)
      .max(60_000)
      .default(5000)
      .describe('Milliseconds without a request until it is rolled back'),
  })
  .meta({ id: 'TransactionBegin' })
export type TransactionBegin = z.output<typeof TransactionBegin>

export const Transaction = z
  .object({
    id: z.string(),
    mode: z.enum(['write', 'read']),
    startedAt: z.iso.datetime(),
    expiresAt: z.iso.datetime(),
    idleTimeoutMs: z.int(),
  })
  .meta({ id: 'Transaction' })
export type Transaction = z.output<typeof Transaction>

/** Codes that any statement may end with. */
export const statementErrors = [
  'database.not_found',
  'database.stopped',
  'database.failed',
  'database.busy',
  'sql.error',
  'sql.constraint',
  'query.timeout',
  'query.cancelled',
  'query.conflict',
  'quota.exceeded',
  'disk.full',
  'worker.restarted',
  'worker.unreachable',
] as const

/** And those that a statement in the caller's own words may end with. */
const sqlErrors = [
  ...statementErrors,
  'sql.params',
  'sql.multiple',
  'sql.denied',
  'result.too_large',
] as const

const exampleResult = {
  columns: [{ name: 'id', type: 'integer', declared: 'INTEGER' }],
  rows: [{ id: 1 }],
  rowsAffected: 0,
  durationMs: 0.1,
  truncated: false,
}

export const queries = {
  query: route({
    id: 'query',
    method: 'POST',
    path: '/api/db/{name}/query',
    tag: 'queries',
    scope: 'data',
    summary: 'Run one SQL statement',
    description:
      'Whatever the statement yields is in the answer: rows of SELECT, WITH, VALUES, PRAGMA, EXPLAIN or RETURNING, and counts of what changed. With `Accept: application/x-ndjson` or `text/csv` the rows are streamed, however many they are. Closing the request cancels the statement.',
    params: z.object({ name: DatabaseName }),
    body: QueryRequest,
    response: QueryResult,
    streams: { 'application/x-ndjson': StreamFrame, 'text/csv': z.string() },
    status: 200,
    errors: sqlErrors,
    examples: {
      body: { sql: 'select * from orders where id = ?', params: [1] },
      response: exampleResult,
    },
  }),
  batch: route({
    id: 'batch',
    method: 'POST',
    path: '/api/db/{name}/batch',
    tag: 'queries',
    scope: 'data',
    summary: 'Run statements together: in one transaction, unless told otherwise',
    params: z.object({ name: DatabaseName }),
    body: BatchRequest,
    response: BatchResult,
    status: 200,
    errors: sqlErrors,
    examples: {
      body: {
        statements: [
          { sql: 'insert into t values (?)', params: [1] },
          { sql: 'select count(*) from t' },
        ],
      },
    },
  }),
  running: route({
    id: 'listQueries',
    method: 'GET',
    path: '/api/db/{name}/queries',
    tag: 'queries',
    scope: 'data',
    summary: 'List what runs now',
    params: z.object({ name: DatabaseName }),
    response: z.object({ items: z.array(RunningQuery) }).meta({ id: 'RunningQueries' }),
    status: 200,
    errors: ['database.not_found'],
  }),
  cancel: route({
    id: 'cancelQuery',
    method: 'DELETE',
    path: '/api/db/{name}/queries/{id}',
    tag: 'queries',
    scope: 'data',
    summary: 'Cancel a query',
    description:
      'Answers once the query has ended; its own request gets `query.cancelled`. Only this query is affected.',
    params: z.object({ name: DatabaseName, id: QueryId }),
    response: z.undefined(),
    status: 204,
    errors: ['database.not_found', 'query.not_found'],
  }),
  begin: route({
    id: 'beginTransaction',
    method: 'POST',
    path: '/api/db/{name}/transactions',
    tag: 'queries',
    scope: 'data',
    summary: 'Begin a transaction',
    idempotent: true,
    description:
      'While a `write` transaction is open, other writes wait and, if it takes long, get `database.busy`; reads go on. A transaction left open is rolled back after its idle or total time; what is asked of it then gets `transaction.ended`, which says why.',
    params: z.object({ name: DatabaseName }),
    body: TransactionBegin.optional(),
    response: Transaction,
    status: 201,
    errors: [...statementErrors],
    examples: { body: { mode: 'write' } },
  }),
  transactions: route({
    id: 'listTransactions',
    method: 'GET',
    path: '/api/db/{name}/transactions',
    tag: 'queries',
    scope: 'data',
    summary: 'List open transactions',
    params: z.object({ name: DatabaseName }),
    response: z.object({ items: z.array(Transaction) }).meta({ id: 'Transactions' }),
    status: 200,
    errors: ['database.not_found'],
  }),
  transactionQuery: route({
    id: 'queryInTransaction',
    method: 'POST',
    path: '/api/db/{name}/transactions/{id}/query',
    tag: 'queries',
    scope: 'data',
    summary: 'Run one SQL statement in a transaction',
    description:
      'A statement that fails is undone alone, and the transaction goes on; where the engine had to roll all of it back, `transaction.ended` is what the next request gets.',
    params: z.object({ name: DatabaseName, id: TransactionId }),
    body: QueryRequest,
    response: QueryResult,
    status: 200,
    errors: [...sqlErrors, 'transaction.not_found', 'transaction.ended'],
  }),
  commit: route({
    id: 'commitTransaction',
    method: 'POST',
    path: '/api/db/{name}/transactions/{id}/commit',
    tag: 'queries',
    scope: 'data',
    summary: 'Commit a transaction',
    params: z.object({ name: DatabaseName, id: TransactionId }),
    response: z.undefined(),
    status: 204,
    errors: [...statementErrors, 'transaction.not_found', 'transaction.ended'],
  }),
  rollback: route({
    id: 'rollbackTransaction',
    method: 'POST',
    path: '/api/db/{name}/transactions/{id}/rollback',
    tag: 'queries',
    scope: 'data',
    summary: 'Roll a transaction back',
    params: z.object({ name: DatabaseName, id: TransactionId }),
    response: z.undefined(),
    status: 204,
    errors: [...statementErrors, 'transaction.not_found', 'transaction.ended'],
  }),
} as const
