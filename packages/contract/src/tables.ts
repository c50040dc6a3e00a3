import { z } from 'zod'
import { DatabaseName } from './databases.ts'
import { statementErrors } from './queries.ts'
import { route } from './route.ts'
import { InputValue } from './values.ts'

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
  references: z
    .array(z.string().nullable())
    .describe("Null where the other table's primary key is meant"),
  onUpdate: z.string(),
  onDelete: z.string(),
})
export type ForeignKeyInfo = z.output<typeof ForeignKeyInfo>

export const TableInfo = z
  .object({
    name: z
      .string()
      .describe('With its schema before it, and a dot, where that is not the usual one'),
    schema: z.string().optional().describe('Of an engine that has schemas'),
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
  .regex(
    /^[A-Za-z][A-Za-z0-9_ ]*(?:\(\s*\d+\s*(?:,\s*\d+\s*)?\))?$/,
    'a type name such as TEXT or NUMERIC(10,2)',
  )

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
      .array(
        z.strictObject({
          name: name.optional(),
          columns: z.array(name).min(1),
          unique: z.boolean().default(false),
        }),
      )
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

const inDatabase = z.object({ name: DatabaseName })
const inTable = z.object({ name: DatabaseName, table: name })

export const ExtensionInfo = z
  .object({
    name: z.string(),
    version: z.string().describe('That would be installed'),
    installedVersion: z.string().nullable(),
    trusted: z.boolean().describe('Whether the owner may install it, with CREATE EXTENSION'),
    comment: z.string().nullable(),
  })
  .meta({ id: 'ExtensionInfo' })
export type ExtensionInfo = z.output<typeof ExtensionInfo>

export const tables = {
  schema: route({
    id: 'getSchema',
    method: 'GET',
    path: '/api/db/{name}/schema',
    tag: 'tables',
    scope: 'data',
    summary: 'Tables, views, columns, keys, indexes, foreign keys and row counts',
    params: inDatabase,
    query: z.object({
      counts: z.stringbool().default(true).describe('Count the rows of each table'),
    }),
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
  extensions: route({
    id: 'listExtensions',
    method: 'GET',
    path: '/api/db/{name}/extensions',
    tag: 'tables',
    scope: 'data',
    summary: 'Extensions of a PostgreSQL database: those installed and those that can be',
    params: inDatabase,
    response: z.object({ items: z.array(ExtensionInfo) }).meta({ id: 'ExtensionList' }),
    status: 200,
    errors: ['engine.unsupported', ...statementErrors],
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
