import type { InputValue, RowInput, TableInfo } from '@db-forge/contract'
import { AppError } from '../app-error.ts'
import type { Comparison, Filter } from './filter.ts'
import { quote } from './identifier.ts'

/** SQL with every identifier quoted and every value bound. */
export interface Statement {
  readonly sql: string
  readonly params: InputValue[]
}

export interface ListOptions {
  readonly select?: string | undefined
  readonly order?: string | undefined
  readonly limit: number
  readonly offset: number
}

/** SQLite binds this many values to one statement at most. */
const PARAMS_MAX = 32_766

/** One row more than `limit` is asked for, so that the answer says whether there are more. */
export function listStatement(
  table: TableInfo,
  filters: readonly Filter[],
  options: ListOptions,
): Statement {
  const where = whereOf(table, filters)
  const order = orderOf(table, options.order)
  return {
    sql: `select ${selectOf(table, options.select)} from ${quote(table.name)}${where.sql}${order} limit ? offset ?`,
    params: [...where.params, options.limit + 1, options.offset],
  }
}

export function countStatement(table: TableInfo, filters: readonly Filter[]): Statement {
  const where = whereOf(table, filters)
  return { sql: `select count(*) as n from ${quote(table.name)}${where.sql}`, params: where.params }
}

/** As few statements as keep the order: neighbours with the same members share one. */
export function insertStatements(
  table: TableInfo,
  rows: readonly RowInput[],
  returning: boolean,
): Statement[] {
  const suffix = returning ? ' returning *' : ''
  return groupsOf(rows).map(({ columns, rows: group }) => {
    const into = `insert into ${quote(table.name)}`
    if (columns.length === 0) return { sql: `${into} default values${suffix}`, params: [] }
    for (const column of columns) requireColumn(table, column)
    const names = columns.map(quote).join(', ')
    const places = `(${columns.map(() => '?').join(', ')})`
    return {
      sql: `${into} (${names}) values ${group.map(() => places).join(', ')}${suffix}`,
      params: group.flatMap((row) => columns.map((column) => row[column] ?? null)),
    }
  })
}

export function updateStatement(
  table: TableInfo,
  filters: readonly Filter[],
  changes: RowInput,
  returning: boolean,
): Statement {
  const columns = Object.keys(changes)
  if (columns.length === 0) throw new AppError('request.invalid', 'There is no column to change')
  for (const column of columns) requireColumn(table, column)
  const where = whereOf(table, filters)
  const set = columns.map((column) => `${quote(column)} = ?`).join(', ')
  return {
    sql: `update ${quote(table.name)} set ${set}${where.sql}${returning ? ' returning *' : ''}`,
    params: [...columns.map((column) => changes[column] ?? null), ...where.params],
  }
}

export function deleteStatement(
  table: TableInfo,
  filters: readonly Filter[],
  returning: boolean,
): Statement {
  const where = whereOf(table, filters)
  return {
    sql: `delete from ${quote(table.name)}${where.sql}${returning ? ' returning *' : ''}`,
    params: where.params,
  }
}

/** The filter that a primary key stands for: `7`, or `7,"a,b"` for a key of two columns. */
export function keyFilters(table: TableInfo, key: string): Filter[] {
  if (table.primaryKey.length === 0)
    throw new AppError('row.key_invalid', `“${table.name}” has no primary key; use a filter`)
  const values = splitKey(key, table.primaryKey.length)
  if (values.length !== table.primaryKey.length)
    throw new AppError('row.key_invalid', `The key is (${table.primaryKey.join(', ')})`)
  return table.primaryKey.map((column, at) => ({
    kind: 'compare',
    column,
    op: 'eq',
    value: values[at] ?? '',
  }))
}

/** A key of one column is taken as it is unless it is quoted, so that commas need no care there. */
function splitKey(key: string, columns: number): string[] {
  if (columns === 1 && !/^".*"$/s.test(key)) return [key]
  const parts = key.match(/"(?:[^"]|"")*"|[^,]+|(?<=,|^)(?=,|$)/gs) ?? []
  return parts.map((part) =>
    part.startsWith('"') ? part.slice(1, -1).replaceAll('""', '"') : part,
  )
}

function groupsOf(rows: readonly RowInput[]): { columns: string[]; rows: RowInput[] }[] {
  const groups: { columns: string[]; rows: RowInput[] }[] = []
  for (const row of rows) {
    const columns = Object.keys(row)
    const last = groups.at(-1)
    const fits = last && columns.length > 0 && (last.rows.length + 1) * columns.length <= PARAMS_MAX
    if (fits && sameMembers(last.columns, columns)) last.rows.push(row)
    else groups.push({ columns, rows: [row] })
  }
  return groups
}

const sameMembers = (a: readonly string[], b: readonly string[]) =>
  a.length === b.length && b.every((column) => a.includes(column))

function requireColumn(table: TableInfo, name: string): string {
  if (!table.columns.some((column) => column.name.toLowerCase() === name.toLowerCase()))
    throw new AppError('column.not_found', `“${table.name}” has no column “${name}”`)
  return name
}

function selectOf(table: TableInfo, select: string | undefined): string {
  if (select === undefined || select === '*' || select === '') return '*'
  return select
    .split(',')
    .map((name) => quote(requireColumn(table, name.trim())))
    .join(', ')
}

/** `name.desc.nullslast,id`. Without an order the primary key gives one, so that pages do not overlap. */
function orderOf(table: TableInfo, order: string | undefined): string {
  const terms = order
    ? order.split(',').map((term) => orderTerm(table, term.trim()))
    : table.primaryKey.map(quote)
  return terms.length > 0 ? ` order by ${terms.join(', ')}` : ''
}

function orderTerm(table: TableInfo, term: string): string {
  const match = /^(.+?)(?:\.(asc|desc))?(?:\.(nullsfirst|nullslast))?$/s.exec(term)
  const [, column = '', direction, nulls] = match ?? []
  const name = quote(requireColumn(table, column))
  const nullsSql = nulls ? ` nulls ${nulls === 'nullsfirst' ? 'first' : 'last'}` : ''
  return `${name}${direction === 'desc' ? ' desc' : ''}${nullsSql}`
}

function whereOf(table: TableInfo, filters: readonly Filter[]): Statement {
  if (filters.length === 0) return { sql: '', params: [] }
  const params: InputValue[] = []
  const sql = filters.map((filter) => condition(table, filter, params)).join(' and ')
  return { sql: ` where ${sql}`, params }
}

function condition(table: TableInfo, filter: Filter, params: InputValue[]): string {
  switch (filter.kind) {
    case 'not':
      return `not (${condition(table, filter.filter, params)})`
    case 'and':
    case 'or':
      return `(${filter.filters.map((part) => condition(table, part, params)).join(` ${filter.kind} `)})`
    case 'is':
      return `${quote(requireColumn(table, filter.column))} ${IS_SQL[filter.value]}`
    case 'in': {
      const column = quote(requireColumn(table, filter.column))
      params.push(...filter.values.map((value) => literal(table, filter.column, value)))
      return `${column} in (${filter.values.map(() => '?').join(', ')})`
    }
    case 'compare':
      return comparison(table, filter.column, filter.op, filter.value, params)
  }
}

const IS_SQL = {
  null: 'is null',
  not_null: 'is not null',
  true: 'is true',
  false: 'is false',
} as const
const OPERATORS = { eq: '=', neq: '<>', gt: '>', gte: '>=', lt: '<', lte: '<=' } as const

function comparison(
  table: TableInfo,
  name: string,
  op: Comparison,
  value: string,
  params: InputValue[],
): string {
  const column = quote(requireColumn(table, name))
  if (op === 'like') {
    params.push(globOf(value))
    return `${column} glob ?`
  }
  if (op === 'ilike') {
    params.push(value.replaceAll('*', '%'))
    return `${column} like ? escape '\\'`
  }
  params.push(literal(table, name, value))
  return `${column} ${OPERATORS[op]} ?`
}

/** SQLite's LIKE ignores case and its GLOB does not: a LIKE pattern (`%`, `*`, `_`) as GLOB. */
const globOf = (pattern: string) =>
  pattern.replace(/\\(.)|[*%_?[]/gs, (char, escaped?: string) => {
    if (escaped !== undefined) return `[${escaped}]`
    if (char === '%' || char === '*') return '*'
    return char === '_' ? '?' : `[${char}]`
  })

/**
 * A value from a URL is text. Comparing with a column that has an affinity converts it; a column without one
 * (https://sqlite.org/datatype3.html#determination_of_column_affinity, rule 3) would never equal a number.
 */
function literal(table: TableInfo, name: string, text: string): InputValue {
  const type =
    table.columns.find((column) => column.name.toLowerCase() === name.toLowerCase())?.type ?? ''
  if (type !== '' && !/blob/i.test(type)) return text
  if (/^-?(?:0|[1-9]\d{0,17})$/.test(text)) return { $integer: text }
  return /^-?\d+\.\d+$/.test(text) ? { $real: text } : text
}
