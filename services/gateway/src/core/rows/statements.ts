import type { RowInput, TableInfo } from '@db-forge/contract'
import { AppError } from '../app-error.ts'
import { bound, requireColumn, type Statement, whereSql } from './conditions.ts'
import type { Target } from './dialect.ts'
import type { Filter } from './filter.ts'

export interface ListOptions {
  readonly select?: string | undefined
  readonly order?: string | undefined
  readonly limit: number
  readonly offset: number
}

/** One row more than `limit` is asked for, so that the answer says whether there are more. */
export function listStatement(
  target: Target,
  filters: readonly Filter[],
  { select, order, limit, offset }: ListOptions,
): Statement {
  return bound(target.dialect, (bind) => {
    const from = `select ${selectOf(target, select)} from ${tableSql(target)}`
    const rows = `${whereSql(target, filters, bind)}${orderOf(target, order)}`
    return `${from}${rows} limit ${bind(limit + 1)} offset ${bind(offset)}`
  })
}

export function countStatement(target: Target, filters: readonly Filter[]): Statement {
  return bound(
    target.dialect,
    (bind) => `select count(*) as n from ${tableSql(target)}${whereSql(target, filters, bind)}`,
  )
}

/** As few statements as keep the order: neighbours with the same members share one. */
export function insertStatements(
  target: Target,
  rows: readonly RowInput[],
  returning: boolean,
): Statement[] {
  const { dialect } = target
  const into = `insert into ${tableSql(target)}`
  return groupsOf(rows, dialect.parametersMax).map(({ members, rows: group }) =>
    bound(dialect, (bind) => {
      if (members.length === 0) return `${into} default values${returningSql(returning)}`
      const columns = members.map((member) => ({ member, column: requireColumn(target, member) }))
      const names = columns.map(({ column }) => dialect.quote(column.name)).join(', ')
      const values = group.map((row) => {
        const cells = columns.map(({ member, column }) =>
          bind(dialect.value(column, row[member] ?? null)),
        )
        return `(${cells.join(', ')})`
      })
      return `${into} (${names}) values ${values.join(', ')}${returningSql(returning)}`
    }),
  )
}

export function updateStatement(
  target: Target,
  filters: readonly Filter[],
  changes: RowInput,
  returning: boolean,
): Statement {
  const { dialect } = target
  const members = Object.entries(changes)
  if (members.length === 0) throw new AppError('request.invalid', 'There is no column to change')
  return bound(dialect, (bind) => {
    const set = members.map(([member, value]) => {
      const column = requireColumn(target, member)
      return `${dialect.quote(column.name)} = ${bind(dialect.value(column, value))}`
    })
    const where = whereSql(target, filters, bind)
    return `update ${tableSql(target)} set ${set.join(', ')}${where}${returningSql(returning)}`
  })
}

export function deleteStatement(
  target: Target,
  filters: readonly Filter[],
  returning: boolean,
): Statement {
  return bound(target.dialect, (bind) => {
    const where = whereSql(target, filters, bind)
    return `delete from ${tableSql(target)}${where}${returningSql(returning)}`
  })
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

const tableSql = ({ table, dialect }: Target) => dialect.table(table.name)

const returningSql = (returning: boolean) => (returning ? ' returning *' : '')

/** A key of one column is taken as it is unless it is quoted, so that commas need no care there. */
function splitKey(key: string, columns: number): string[] {
  if (columns === 1 && !/^".*"$/s.test(key)) return [key]
  const parts = key.match(/"(?:[^"]|"")*"|[^,]+|(?<=,|^)(?=,|$)/gs) ?? []
  return parts.map((part) =>
    part.startsWith('"') ? part.slice(1, -1).replaceAll('""', '"') : part,
  )
}

function groupsOf(rows: readonly RowInput[], valuesMax: number) {
  const groups: { members: string[]; rows: RowInput[] }[] = []
  for (const row of rows) {
    const members = Object.keys(row)
    const last = groups.at(-1)
    const fits = last && members.length > 0 && (last.rows.length + 1) * members.length <= valuesMax
    if (fits && sameMembers(last.members, members)) last.rows.push(row)
    else groups.push({ members, rows: [row] })
  }
  return groups
}

const sameMembers = (a: readonly string[], b: readonly string[]) =>
  a.length === b.length && b.every((member) => a.includes(member))

function selectOf(target: Target, select: string | undefined): string {
  if (select === undefined || select === '*' || select === '') return '*'
  return select
    .split(',')
    .map((name) => columnSql(target, name.trim()))
    .join(', ')
}

const columnSql = (target: Target, name: string) =>
  target.dialect.quote(requireColumn(target, name).name)

/** `name.desc.nullslast,id`. Without an order the primary key gives one, so that pages do not overlap. */
function orderOf(target: Target, order: string | undefined): string {
  const terms = order
    ? order.split(',').map((term) => orderTerm(target, term.trim()))
    : target.table.primaryKey.map(target.dialect.quote)
  return terms.length > 0 ? ` order by ${terms.join(', ')}` : ''
}

function orderTerm(target: Target, term: string): string {
  const match = /^(.+?)(?:\.(asc|desc))?(?:\.(nullsfirst|nullslast))?$/s.exec(term)
  const [, column = '', direction, nulls] = match ?? []
  const nullsSql = nulls ? ` nulls ${nulls === 'nullsfirst' ? 'first' : 'last'}` : ''
  return `${columnSql(target, column)}${direction === 'desc' ? ' desc' : ''}${nullsSql}`
}
