import type { EngineName, SchemaInfo, TableInfo } from '@db-forge/contract'
import { splitTableName } from '@db-forge/contract/wire/table-name'

interface SchemaGroup {
  /** Null of an engine that has no schemas. */
  readonly schema: string | null
  readonly tables: readonly TableInfo[]
}

/** Tables by the schema that they are in, in the order that they came in. */
export function schemaGroups({ tables }: SchemaInfo): readonly SchemaGroup[] {
  const groups = new Map<string | null, TableInfo[]>()
  for (const table of tables) {
    const schema = table.schema ?? null
    const group = groups.get(schema) ?? []
    groups.set(schema, group)
    group.push(table)
  }
  return [...groups].map(([schema, members]) => ({ schema, tables: members }))
}

/** The name of a table within its schema. */
export const nameInSchema = ({ name, schema }: Pick<TableInfo, 'name' | 'schema'>) =>
  schema === undefined ? name : splitTableName(name).table

type Columns = Record<string, readonly string[]>

/** Names for completion: tables and their columns, below their schemas where there are any. */
export function completionNames(
  schema: SchemaInfo | undefined,
  engine: EngineName,
): Columns | Record<string, Columns> {
  if (engine === 'sqlite') return columnsOf(schema?.tables ?? [])
  const groups = schema ? schemaGroups(schema) : []
  return Object.fromEntries(groups.map((group) => [group.schema ?? '', columnsOf(group.tables)]))
}

const columnsOf = (tables: readonly TableInfo[]): Columns =>
  Object.fromEntries(
    tables.map((table) => [nameInSchema(table), table.columns.map((column) => column.name)]),
  )
