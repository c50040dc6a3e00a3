import type { ColumnInfo, InputValue } from '@db-forge/contract'
import { AppError } from '../app-error.ts'
import type { Bind, Dialect, Target } from './dialect.ts'
import type { Comparison, Filter } from './filter.ts'

/** SQL with every identifier quoted and every value bound. */
export interface Statement {
  readonly sql: string
  readonly params: InputValue[]
}

/** A statement whose parameters are taken up in the order in which its text is put together. */
export function bound(dialect: Dialect, write: (bind: Bind) => string): Statement {
  const params: InputValue[] = []
  const sql = write((value) => dialect.parameter(params.push(value)))
  return { sql, params }
}

/** @throws AppError `column.not_found` */
export function requireColumn({ table, dialect }: Target, name: string): ColumnInfo {
  const column = table.columns.find((one) => dialect.isSameColumn(one.name, name))
  if (!column) throw new AppError('column.not_found', `“${table.name}” has no column “${name}”`)
  return column
}

/** ` where …`, or nothing where there is no filter. */
export function whereSql(target: Target, filters: readonly Filter[], bind: Bind): string {
  if (filters.length === 0) return ''
  return ` where ${filters.map((filter) => condition(target, filter, bind)).join(' and ')}`
}

function condition(target: Target, filter: Filter, bind: Bind): string {
  switch (filter.kind) {
    case 'not':
      return `not (${condition(target, filter.filter, bind)})`
    case 'and':
    case 'or': {
      const parts = filter.filters.map((part) => condition(target, part, bind))
      return `(${parts.join(` ${filter.kind} `)})`
    }
    case 'is':
      return `${target.dialect.quote(requireColumn(target, filter.column).name)} ${IS_SQL[filter.value]}`
    case 'in':
      return membership(target, filter.column, filter.values, bind)
    case 'compare':
      return comparison(target, filter.column, filter.op, filter.value, bind)
  }
}

const IS_SQL = {
  null: 'is null',
  not_null: 'is not null',
  true: 'is true',
  false: 'is false',
} as const
const OPERATORS = { eq: '=', neq: '<>', gt: '>', gte: '>=', lt: '<', lte: '<=' } as const

/** An empty list has no members, not even null. */
function membership(target: Target, name: string, values: readonly string[], bind: Bind): string {
  const { dialect } = target
  const column = requireColumn(target, name)
  if (values.length === 0) return '1 = 0'
  const list = values.map((value) => bind(dialect.literal(column, value)))
  return `${dialect.compared(column)} in (${list.join(', ')})`
}

function comparison(
  target: Target,
  name: string,
  op: Comparison,
  value: string,
  bind: Bind,
): string {
  const { dialect } = target
  const column = requireColumn(target, name)
  if (op === 'like' || op === 'ilike') return dialect.matches(op, column, value, bind)
  return `${dialect.compared(column)} ${OPERATORS[op]} ${bind(dialect.literal(column, value))}`
}
