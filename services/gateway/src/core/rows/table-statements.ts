import type { ColumnDefinition, TableAlter, TableCreate, TableInfo } from '@db-forge/contract'
import type { Dialect } from './dialect.ts'

/** The statements that make a table and its indexes, to be run together. */
export function createTableStatements(dialect: Dialect, table: TableCreate): string[] {
  const parts = table.columns.map((column) => columnSql(dialect, column))
  if (table.primaryKey) parts.push(`primary key (${namesSql(dialect, table.primaryKey)})`)
  const guard = table.ifNotExists ? 'if not exists ' : ''
  const name = dialect.table(table.name)
  const indexes = table.indexes.map((index) => {
    const indexName = index.name ?? dialect.indexName(table.name, index.columns)
    const unique = index.unique ? 'unique ' : ''
    return `create ${unique}index ${guard}${dialect.quote(indexName)} on ${name} (${namesSql(dialect, index.columns)})`
  })
  return [`create table ${guard}${name} (${parts.join(', ')})`, ...indexes]
}

export function alterTableStatements(
  dialect: Dialect,
  table: string,
  change: TableAlter,
): string[] {
  const alter = `alter table ${dialect.table(table)}`
  switch (change.action) {
    case 'addColumn':
      return [`${alter} add column ${columnSql(dialect, change.column)}`]
    case 'dropColumn':
      return [`${alter} drop column ${dialect.quote(change.column)}`]
    case 'renameColumn':
      return [
        `${alter} rename column ${dialect.quote(change.column)} to ${dialect.quote(change.to)}`,
      ]
    case 'renameTable':
      return dialect.renameTable(table, change.to)
  }
}

export function dropStatement(dialect: Dialect, { name, kind }: TableInfo): string {
  return `drop ${dialect.kinds[kind]} ${dialect.table(name)}`
}

const namesSql = (dialect: Dialect, names: readonly string[]) => names.map(dialect.quote).join(', ')

function columnSql(dialect: Dialect, column: ColumnDefinition): string {
  const parts = [dialect.quote(column.name), column.type]
  if (column.primaryKey) parts.push('primary key')
  if (column.autoIncrement) parts.push(dialect.autoIncrement)
  if (column.notNull) parts.push('not null')
  if (column.unique) parts.push('unique')
  if (column.default !== undefined) parts.push(`default ${dialect.defaultLiteral(column.default)}`)
  if (column.references) parts.push(referencesSql(dialect, column.references))
  return parts.join(' ')
}

function referencesSql(dialect: Dialect, to: NonNullable<ColumnDefinition['references']>): string {
  const column = to.column === undefined ? '' : ` (${dialect.quote(to.column)})`
  const onDelete = to.onDelete ? ` on delete ${to.onDelete}` : ''
  const onUpdate = to.onUpdate ? ` on update ${to.onUpdate}` : ''
  return `references ${dialect.table(to.table)}${column}${onDelete}${onUpdate}`
}
