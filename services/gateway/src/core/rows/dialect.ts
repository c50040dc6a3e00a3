import type { ColumnInfo, InputValue, RowInput, TableInfo } from '@db-forge/contract'

/** Takes a value up among a statement's parameters and says what stands for it in the SQL. */
export type Bind = (value: InputValue) => string

/** What an engine's SQL has of its own, as far as the endpoints for tables and rows meet it. */
export interface Dialect {
  /** A statement binds this many values at most. */
  readonly parametersMax: number
  /** What stands for the nth value of a statement, from 1. */
  parameter(nth: number): string
  /** @throws AppError for a name that the engine would not keep as it is. */
  quote(name: string): string
  /** A table's name, as TableInfo has it, in SQL. */
  table(name: string): string
  isSameColumn(a: string, b: string): boolean
  /** A column as it stands before `=`, `<` and their like. */
  compared(column: ColumnInfo): string
  /** A value from a URL, which is text, for a comparison with this column. */
  literal(column: ColumnInfo, text: string): InputValue
  /** A condition that a pattern of `%` or `*`, `_` and backslashes matches; `ilike` disregards case. */
  matches(op: 'like' | 'ilike', column: ColumnInfo, pattern: string, bind: Bind): string
  /** A member of a row on its way into this column. */
  value(column: ColumnInfo, value: RowInput[string]): InputValue
  readonly autoIncrement: string
  /** DDL cannot bind values, so a default is written out. */
  defaultLiteral(value: InputValue): string
  /** For an index that was given no name. */
  indexName(table: string, columns: readonly string[]): string
  renameTable(name: string, to: string): string[]
  /** What a thing of each kind is called after DROP. */
  readonly kinds: Readonly<Record<TableInfo['kind'], string>>
  /** Asks for what ExtensionInfo holds; null where there is no such thing. */
  readonly extensionsSql: string | null
}

/** A table, and the SQL it understands. */
export interface Target {
  readonly table: TableInfo
  readonly dialect: Dialect
}
