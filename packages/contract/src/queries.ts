import { z } from 'zod'
import { DatabaseName } from './databases.ts'
import { route } from './route.ts'
import { ColumnType, InputValue, JsonValue } from './values.ts'

export const Params = z
  .union([z.array(InputValue).max(32_766), z.record(z.string(), InputValue)])
  .describe(
    'Values for `?`, `?1` (an array) or `:name`, `@name`, `$name` (an object, names without their sign)',
  )
export type Params = z.output<typeof Params>

const sql = z.string().min(1).max(1_000_000)
export const RowFormat = z.enum(['object', 'array'])
export type RowFormat = z.output<typeof RowFormat>

const answerOptions = {
  maxRows: z
    .int()
    .min(0)
    .max(100_000)
    .default(1000)
    .describe('More rows than this are cut off, and `truncated` says so'),
  timeoutMs: z.int().min(1).max(300_000).default(30_000),
  readOnly: z.boolean().default(false).describe('Refuse the statement if it would write'),
  rowFormat: RowFormat.default('object'),
}

export const QueryRequest = z
  .strictObject({ sql, params: Params.optional(), ...answerOptions })
  .meta({ id: 'QueryRequest' })
export type QueryRequest = z.output<typeof QueryRequest>

export const BatchRequest = z
  .strictObject({
    statements: z
      .array(z.strictObject({ sql, params: Params.optional() }))
      .min(1)
      .max(10_000),
    ...answerOptions,
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
      .describe('After an INSERT; a string beyond 2^53−1'),
    durationMs: z.number(),
    truncated: z.boolean().describe('There are more rows than the answer holds'),
  })
  .meta({ id: 'QueryResult' })
export type QueryResult = z.output<typeof QueryResult>

export const BatchResult = z
  .object({ results: z.array(QueryResult), durationMs: z.number() })
  .meta({ id: 'BatchResult' })
export type BatchResult = z.output<typeof BatchResult>

/** Codes that any statement may end with. */
export const statementErrors = [
  'database.not_found',
  'database.stopped',
  'database.failed',
  'database.busy',
  'sql.error',
  'sql.constraint',
  'query.timeout',
  'quota.exceeded',
  'worker.restarted',
  'worker.unreachable',
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
      'Whatever the statement yields is in the answer: rows of SELECT, WITH, VALUES, PRAGMA, EXPLAIN or RETURNING, and counts of what changed.',
    params: z.object({ name: DatabaseName }),
    body: QueryRequest,
    response: QueryResult,
    status: 200,
    errors: [...statementErrors, 'sql.params', 'sql.multiple', 'sql.denied', 'result.too_large'],
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
    summary: 'Run statements in one transaction, all or nothing',
    params: z.object({ name: DatabaseName }),
    body: BatchRequest,
    response: BatchResult,
    status: 200,
    errors: [...statementErrors, 'sql.params', 'sql.multiple', 'sql.denied', 'result.too_large'],
    examples: {
      body: {
        statements: [
          { sql: 'insert into t values (?)', params: [1] },
          { sql: 'select count(*) from t' },
        ],
      },
    },
  }),
} as const
