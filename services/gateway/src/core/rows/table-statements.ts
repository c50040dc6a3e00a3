import type { ColumnDefinition, InputValue, TableAlter, TableCreate } from '@db-forge/contract'
import { AppError } from '../app-error.ts'
import { quote } from './identifier.ts'

/** The statements that make a table and its indexes, to be run together. */
export function createTableStatements(table: TableCreate): string[] {
  const parts = table.columns.map(columnSql)
  if (table.primaryKey) parts.push(`primary key (${table.primaryKey.map(quote).join(', ')})`)
  const guard = table.ifNotExists ? 'if not exists ' : ''
  const create = `create table ${guard}${quote(table.name)} (${parts.join(', ')})`
  const indexes = table.indexes.map((index) => {
    const name = index.name ?? [table.name, ...index.columns, 'idx'].join('_')
    const columns = index.columns.map(quote).join(', ')
    return `create ${index.unique ? 'unique ' : ''}index ${guard}${quote(name)} on ${quote(table.name)} (${columns})`
  })
  return [create, ...indexes]
}

export function alterTableStatement(table: string, change: TableAlter): string {
  const alter = `alter table ${quote(table)}`
  switch (change.action) {
    case 'addColumn':
      return `${alter} add column ${columnSql(change.column)}`
    case 'dropColumn':
      return `${alter} drop column ${quote(change.column)}`
    case 'renameColumn':
      return `${alter} rename column ${quote(change.column)} to ${quote(change.to)}`
    case 'renameTable':
      return `${alter} rename to ${quote(change.to)}`
  }
}

export function dropStatement(name: string, kind: 'table' | 'view' | 'virtual'): string {
  return `drop ${kind === 'view' ? 'view' : 'table'} ${quote(name)}`
}

function columnSql(column: ColumnDefinition): string {
  const parts = [quote(column.name), column.type]
  if (column.primaryKey) parts.push('primary key')
  if (column.autoIncrement) parts.push('autoincrement')
  if (column.notNull) parts.push('not null')
  if (column.unique) parts.push('unique')
  if (column.default !== undefined) parts.push(`default ${literalSql(column.default)}`)
  if (column.references) parts.push(referencesSql(column.references))
  return parts.join(' ')
}

function referencesSql(to: NonNullable<ColumnDefinition['references']>): string {
  const column = to.column === undefined ? '' : ` (${quote(to.column)})`
  const onDelete = to.onDelete ? ` on delete ${to.onDelete}` : ''
  const onUpdate = to.onUpdate ? ` on update ${to.onUpdate}` : ''
  return `references ${quote(to.table)}${column}${onDelete}${onUpdate}`
}

/** DDL cannot bind values, so a default is written out. */
function literalSql(value: InputValue): string {
  if (value === null) return 'null'
  if (typeof value === 'boolean') return value ? '1' : '0'
  if (typeof value === 'number' || typeof value === 'bigint') return String(value)
  if (typeof value === 'string') return textSql(value)
  if ('$integer' in value) return value.$integer
  if ('$text' in value) return textSql(value.$text)
  if ('$blob' in value) return `x'${Buffer.from(value.$blob, 'base64').toString('hex')}'`
  if (!Number.isFinite(Number(value.$real)))
    throw new AppError('request.invalid', 'A default must be finite')
  return value.$real
}

function textSql(text: string): string {
  if (text.includes('\0'))
    throw new AppError('request.invalid', 'A default cannot hold a NUL character')
  return `'${text.replaceAll("'", "''")}'`
}
