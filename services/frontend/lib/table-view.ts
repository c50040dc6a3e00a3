/**
 * What a table's page shows, as it stands in the address: `?f=age=gte.18&sort=name.desc&page=2`. Filters are
 * written in the API's own grammar.
 */
export const FILTER_OPERATORS = {
  eq: '= equal',
  neq: '≠ not equal',
  gt: '> more than',
  gte: '≥ at least',
  lt: '< less than',
  lte: '≤ at most',
  like: 'like, * for any',
  ilike: 'like, any case',
  in: 'in a list',
  is: 'is null, not_null, …',
} as const
export type FilterOperator = keyof typeof FILTER_OPERATORS

export interface RowFilter {
  readonly column: string
  /** With its operator: `gte.18`, `not.like.A*`. */
  readonly condition: string
}

export interface TableView {
  readonly filters: readonly RowFilter[]
  readonly sort: { readonly column: string; readonly descending: boolean } | null
  /** From 1. */
  readonly page: number
  readonly pane: 'rows' | 'structure'
}

const CONDITION = `(?:not\\.)?(?:${Object.keys(FILTER_OPERATORS).join('|')})\\.`
const FILTER = new RegExp(`^(.+?)=(${CONDITION}.*)$`, 's')

export function readTableView(search: URLSearchParams): TableView {
  const sort = /^(.+)\.(asc|desc)$/s.exec(search.get('sort') ?? '')
  const page = Number(search.get('page') ?? 1)
  return {
    filters: search.getAll('f').flatMap((text) => {
      const [, column, condition] = FILTER.exec(text) ?? []
      return column && condition ? [{ column, condition }] : []
    }),
    sort: sort?.[1] ? { column: sort[1], descending: sort[2] === 'desc' } : null,
    page: Number.isInteger(page) && page > 0 ? page : 1,
    pane: search.get('pane') === 'structure' ? 'structure' : 'rows',
  }
}

/** With its question mark; empty for what is shown at first. */
export function writeTableView(view: TableView): string {
  const search = new URLSearchParams()
  for (const { column, condition } of view.filters) search.append('f', `${column}=${condition}`)
  if (view.sort) search.set('sort', `${view.sort.column}.${view.sort.descending ? 'desc' : 'asc'}`)
  if (view.page > 1) search.set('page', String(view.page))
  if (view.pane !== 'rows') search.set('pane', view.pane)
  return search.size > 0 ? `?${search}` : ''
}

/** A click on a column's head: up, then down, then as the table has it. */
export function nextSort(sort: TableView['sort'], column: string): TableView['sort'] {
  if (sort?.column !== column) return { column, descending: false }
  return sort.descending ? null : { column, descending: true }
}

/** A condition from what a person typed. */
export const conditionOf = (operator: FilterOperator, value: string) =>
  `${operator}.${operator === 'in' && !/^\(.*\)$/s.test(value) ? `(${value})` : value}`

/** Names that mean something else as query parameters of the API. */
const TAKEN = new Set([
  'select',
  'order',
  'limit',
  'offset',
  'count',
  'rowFormat',
  'and',
  'or',
  'not.and',
  'not.or',
])

/** Filters as query parameters. Where a column has two, or has a name that is taken, they go into one group. */
export function filterParameters(filters: readonly RowFilter[]): Readonly<Record<string, string>> {
  const columns = filters.map(({ column }) => column)
  if (new Set(columns).size === columns.length && !columns.some((column) => TAKEN.has(column)))
    return Object.fromEntries(filters.map(({ column, condition }) => [column, condition]))
  return { and: `(${filters.map(groupMember).join(',')})` }
}

function groupMember({ column, condition }: RowFilter): string {
  const [, head = '', value = ''] = new RegExp(`^(${CONDITION})(.*)$`, 's').exec(condition) ?? []
  const isList = head.endsWith('in.')
  return `${quotedIf(/[.,()"\\]/, column)}.${head}${isList ? value : quotedIf(/[,()"\\]/, value)}`
}

const quotedIf = (pattern: RegExp, text: string) =>
  pattern.test(text) ? `"${text.replace(/["\\]/g, '\\$&')}"` : text
