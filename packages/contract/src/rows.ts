import { z } from 'zod'
import { DatabaseName } from './databases.ts'
import { QueryResult, statementErrors } from './queries.ts'
import { route } from './route.ts'
import { InputValue, isTagged, JsonValue } from './values.ts'

/** Stored as JSON text; a list in an array column of PostgreSQL as an array. */
const Document = z.union([
  z.array(z.unknown()),
  z
    .record(z.string(), z.unknown())
    .refine((members) => !isTagged(members), 'not a value that its tag fits'),
])

export const RowInput = z
  .record(z.string(), z.union([InputValue, Document]))
  .describe('Lists and objects without a tag are stored as JSON text')
  .meta({ id: 'RowValues' })
export type RowInput = z.output<typeof RowInput>

export const Row = z.record(z.string(), JsonValue).meta({ id: 'Row' })
export type Row = z.output<typeof Row>

export const RowChanges = z
  .object({
    rowsAffected: z.int(),
    lastInsertId: z.union([z.int(), z.string()]).optional(),
    rows: z.array(Row).optional().describe('What was written, with `returning=true`'),
  })
  .meta({ id: 'RowChanges' })
export type RowChanges = z.output<typeof RowChanges>

const table = z.string().min(1).max(255).describe('As TableInfo has it')
const inTable = z.object({ name: DatabaseName, table })
const oneRow = z.object({
  name: DatabaseName,
  table,
  key: z
    .string()
    .min(1)
    .describe(
      'The primary key; values of a composite one separated by commas, a value with a comma in double quotes',
    ),
})
const returning = z.object({ returning: z.stringbool().default(false) })
const filterText =
  'Filters are query parameters: `?age=gte.18&name=like.A*` (eq, neq, gt, gte, lt, lte, like, ilike, in.(1,2), is.null, each also after `not.`), `or=(a.eq.1,b.eq.2)`; plain `?age=24` means equality. In patterns `*` may stand for `%`; `like` regards case, `ilike` does not. A value is read as its column’s type: bytes as `{"$blob":"…"}`, in PostgreSQL also as `\\x00ff`.'

export const rows = {
  list: route({
    id: 'listRows',
    method: 'GET',
    path: '/api/db/{name}/tables/{table}/rows',
    tag: 'rows',
    scope: 'data',
    summary: 'List rows',
    description: `${filterText} Also \`select=id,name\`, \`order=name.desc,id\`, \`limit\`, \`offset\`. \`truncated\` says that there are more. With \`count=exact\` the header Content-Range holds the total.`,
    params: inTable,
    query: z.object({
      select: z.string().optional(),
      order: z.string().optional(),
      limit: z.coerce.number().int().min(0).max(10_000).default(100),
      offset: z.coerce.number().int().min(0).default(0),
      count: z.enum(['exact']).optional(),
      rowFormat: z.enum(['object', 'array']).default('object'),
    }),
    openQuery: true,
    response: QueryResult,
    status: 200,
    errors: ['table.not_found', 'column.not_found', 'filter.invalid', ...statementErrors],
  }),
  insert: route({
    id: 'insertRows',
    method: 'POST',
    path: '/api/db/{name}/tables/{table}/rows',
    tag: 'rows',
    scope: 'data',
    summary: 'Insert one row or many',
    idempotent: true,
    description:
      'All or nothing. Rows may have different members; what a row leaves out takes its default. Lists and objects are stored as JSON text, a list in an array column of PostgreSQL as an array.',
    params: inTable,
    query: returning,
    body: z.union([RowInput, z.array(RowInput).min(1).max(10_000)]),
    response: RowChanges,
    status: 201,
    errors: ['table.not_found', 'column.not_found', ...statementErrors],
    examples: { body: [{ email: 'a@example.org' }, { email: 'b@example.org', age: 24 }] },
  }),
  update: route({
    id: 'updateRows',
    method: 'PATCH',
    path: '/api/db/{name}/tables/{table}/rows',
    tag: 'rows',
    scope: 'data',
    summary: 'Update the rows that a filter matches',
    description: `${filterText} A filter is required.`,
    params: inTable,
    query: returning,
    openQuery: true,
    body: RowInput,
    response: RowChanges,
    status: 200,
    errors: [
      'table.not_found',
      'column.not_found',
      'filter.invalid',
      'filter.required',
      ...statementErrors,
    ],
    examples: { body: { age: 25 } },
  }),
  delete: route({
    id: 'deleteRows',
    method: 'DELETE',
    path: '/api/db/{name}/tables/{table}/rows',
    tag: 'rows',
    scope: 'data',
    summary: 'Delete the rows that a filter matches',
    description: `${filterText} A filter is required.`,
    params: inTable,
    query: returning,
    openQuery: true,
    response: RowChanges,
    status: 200,
    errors: [
      'table.not_found',
      'column.not_found',
      'filter.invalid',
      'filter.required',
      ...statementErrors,
    ],
  }),
  get: route({
    id: 'getRow',
    method: 'GET',
    path: '/api/db/{name}/tables/{table}/rows/{key}',
    tag: 'rows',
    scope: 'data',
    summary: 'Get one row by its primary key',
    params: oneRow,
    response: QueryResult,
    status: 200,
    errors: ['table.not_found', 'row.not_found', 'row.key_invalid', ...statementErrors],
  }),
  updateOne: route({
    id: 'updateRow',
    method: 'PATCH',
    path: '/api/db/{name}/tables/{table}/rows/{key}',
    tag: 'rows',
    scope: 'data',
    summary: 'Update one row by its primary key',
    params: oneRow,
    query: returning,
    body: RowInput,
    response: RowChanges,
    status: 200,
    errors: [
      'table.not_found',
      'column.not_found',
      'row.not_found',
      'row.key_invalid',
      ...statementErrors,
    ],
    examples: { body: { age: 25 } },
  }),
  deleteOne: route({
    id: 'deleteRow',
    method: 'DELETE',
    path: '/api/db/{name}/tables/{table}/rows/{key}',
    tag: 'rows',
    scope: 'data',
    summary: 'Delete one row by its primary key',
    params: oneRow,
    response: z.undefined(),
    status: 204,
    errors: ['table.not_found', 'row.not_found', 'row.key_invalid', ...statementErrors],
  }),
} as const
