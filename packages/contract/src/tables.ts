import { z } from 'zod'
import { DatabaseName } from './databases.ts'
import { QueryResult, statementErrors } from './queries.ts'
import { route } from './route.ts'
import { InputValue, JsonValue } from './values.ts'

const name = z.string().min(1).max(255)

export const ColumnInfo = z.object({
  name: z.string(),
  type: z.string().describe('As declared; empty if nothing was'),
  nullable: z.boolean(),
  default: z.string().nullable().describe('The SQL expression'),
  primaryKey: z.int().nullable().describe('Its place in the primary key, from 1'),
  generated: z.boolean(),
})
export type ColumnInfo = z.output<typeof ColumnInfo>

export const IndexInfo = z.object({
  name: z.string(),
  columns: z.array(z.string().nullable()).describe('Null for an expression'),
  unique: z.boolean(),
  partial: z.boolean(),
  origin: z.enum(['index', 'unique', 'primaryKey']),
})
export type IndexInfo = z.output<typeof IndexInfo>

export const ForeignKeyInfo = z.object({
  columns: z.array(z.string()),
  table: z.string(),
  references: z.array(z.string().nullable()).describe("Null where the other table's primary key is meant"),
  onUpdate: z.string(),
  onDelete: z.string(),
})
export type ForeignKeyInfo = z.output<typeof ForeignKeyInfo>

export const TableInfo = z
  .object({
    name: z.string(),
    kind: z.enum(['table', 'view', 'virtual']),
    columns: z.array(ColumnInfo),
    primaryKey: z.array(z.string()),
    indexes: z.array(IndexInfo),
    foreignKeys: z.array(ForeignKeyInfo),
    rowCount: z.int().nullable().describe('Null for a view, and where counting was not asked for'),
    sql: z.string().nullable(),
  })
  .meta({ id: 'TableInfo' })
export type TableInfo = z.output<typeof TableInfo>

export const SchemaInfo = z
  .object({ tables: z.array(TableInfo).describe('Tables and views by name') })
  .meta({ id: 'SchemaInfo' })
export type SchemaInfo = z.output<typeof SchemaInfo>

/** A type's name goes into SQL as it is, so only words and numbers may make it up. */
const TypeName = z
  .string()
  .max(100)
  .regex(/^[A-Za-z][A-Za-z0-9_ ]*(?:\(\s*\d+\s*(?:,\s*\d+\s*)?\))?$/, 'a type name such as TEXT or NUMERIC(10,2)')

const ReferenceAction = z.enum(['no action', 'restrict', 'cascade', 'set null', 'set default'])

export const ColumnDefinition = z.strictObject({
  name,
  type: TypeName.default('TEXT'),
  primaryKey: z.boolean().default(false),
  autoIncrement: z.boolean().default(false),
  notNull: z.boolean().default(false),
  unique: z.boolean().default(false),
  default: InputValue.optional().describe('A value, not an expression'),
  references: z
    .strictObject({
      table: name,
      column: name.optional(),
      onDelete: ReferenceAction.optional(),
      onUpdate: ReferenceAction.optional(),
    })
    .optional(),
})
export type ColumnDefinition = z.output<typeof ColumnDefinition>

export const TableCreate = z
  .strictObject({
    name,
    columns: z.array(ColumnDefinition).min(1).max(2000),
    primaryKey: z.array(name).min(1).optional().describe('For a key of several columns'),
    indexes: z
      .array(z.strictObject({ name: name.optional(), columns: z.array(name).min(1), unique: z.boolean().default(false) }))
      .default([]),
    ifNotExists: z.boolean().default(false),
  })
  .meta({ id: 'TableCreate' })
export type TableCreate = z.output<typeof TableCreate>

export const TableAlter = z
  .discriminatedUnion('action', [
    z.strictObject({ action: z.literal('addColumn'), column: ColumnDefinition }),
    z.strictObject({ action: z.literal('dropColumn'), column: name }),
    z.strictObject({ action: z.literal('renameColumn'), column: name, to: name }),
    z.strictObject({ action: z.literal('renameTable'), to: name }),
  ])
  .meta({ id: 'TableAlter' })
export type TableAlter = z.output<typeof TableAlter>

export const RowInput = z.record(z.string(), InputValue).meta({ id: 'RowValues' })
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

const inDatabase = z.object({ name: DatabaseName })
const inTable = z.object({ name: DatabaseName, table: name })
const oneRow = z.object({
  name: DatabaseName,
  table: name,
  key: z
    .string()
    .min(1)
    .describe('The primary key; values of a composite one separated by commas, a value with a comma in double quotes'),
})
const returning = z.object({ returning: z.stringbool().default(false) })
const filterText =
  'Filters are query parameters: `?age=gte.18&name=like.A*` (eq, neq, gt, gte, lt, lte, like, ilike, in.(1,2), is.null, each also after `not.`), `or=(a.eq.1,b.eq.2)`; plain `?age=24` means equality.'

export const tables = {
  schema: route({
    id: 'getSchema',
    method: 'GET',
    path: '/api/db/{name}/schema',
    tag: 'tables',
    scope: 'data',
    summary: 'Tables, views, columns, keys, indexes, foreign keys and row counts',
    params: inDatabase,
    query: z.object({ counts: z.stringbool().default(true).describe('Count the rows of each table') }),
    response: SchemaInfo,
    status: 200,
    errors: [...statementErrors],
  }),
  get: route({
    id: 'getTable',
    method: 'GET',
    path: '/api/db/{name}/tables/{table}',
    tag: 'tables',
    scope: 'data',
    summary: 'One table or view',
    params: inTable,
    response: TableInfo,
    status: 200,
    errors: ['table.not_found', ...statementErrors],
  }),
  create: route({
    id: 'createTable',
    method: 'POST',
    path: '/api/db/{name}/tables',
    tag: 'tables',
    scope: 'data',
    summary: 'Create a table',
    params: inDatabase,
    body: TableCreate,
    response: TableInfo,
    status: 201,
    errors: ['table.exists', ...statementErrors],
    examples: {
      body: {
        name: 'customers',
        columns: [
          { name: 'id', type: 'INTEGER', primaryKey: true },
          { name: 'email', type: 'TEXT', notNull: true, unique: true },
        ],
      },
    },
  }),
  alter: route({
    id: 'alterTable',
    method: 'PATCH',
    path: '/api/db/{name}/tables/{table}',
    tag: 'tables',
    scope: 'data',
    summary: 'Add, drop or rename a column, or rename the table',
    params: inTable,
    body: TableAlter,
    response: TableInfo,
    status: 200,
    errors: ['table.not_found', 'table.exists', 'column.not_found', ...statementErrors],
    examples: { body: { action: 'addColumn', column: { name: 'age', type: 'INTEGER' } } },
  }),
  drop: route({
    id: 'dropTable',
    method: 'DELETE',
    path: '/api/db/{name}/tables/{table}',
    tag: 'tables',
    scope: 'data',
    summary: 'Drop a table or view',
    params: inTable,
    response: z.undefined(),
    status: 204,
    errors: ['table.not_found', ...statementErrors],
  }),
} as const

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
    description: 'All or nothing. Rows may have different members; what a row leaves out takes its default.',
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
    errors: ['table.not_found', 'column.not_found', 'filter.invalid', 'filter.required', ...statementErrors],
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
    errors: ['table.not_found', 'column.not_found', 'filter.invalid', 'filter.required', ...statementErrors],
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
    errors: ['table.not_found', 'column.not_found', 'row.not_found', 'row.key_invalid', ...statementErrors],
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
