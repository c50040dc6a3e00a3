/**
 * Row filters in PostgREST's grammar (https://postgrest.org/en/stable/references/api/tables_views.html):
 * `age=gte.18`, `name=not.like.A*`, `id=in.(1,2)`, `or=(age.lt.18,age.gt.65)`. A value with no operator means
 * equality, which PostgREST does not have.
 */
import { AppError } from '../app-error.ts'

const COMPARISONS = ['eq', 'neq', 'gt', 'gte', 'lt', 'lte', 'like', 'ilike'] as const
export type Comparison = (typeof COMPARISONS)[number]

export type Filter =
  | {
      readonly kind: 'compare'
      readonly column: string
      readonly op: Comparison
      readonly value: string
    }
  | { readonly kind: 'in'; readonly column: string; readonly values: readonly string[] }
  | { readonly kind: 'is'; readonly column: string; readonly value: IsValue }
  | { readonly kind: 'not'; readonly filter: Filter }
  | { readonly kind: 'and' | 'or'; readonly filters: readonly Filter[] }

const IS_VALUES = ['null', 'not_null', 'true', 'false'] as const
type IsValue = (typeof IS_VALUES)[number]

const DEPTH_MAX = 10

/**
 * Filters from the query parameters that are not the route's own.
 * @throws AppError `filter.invalid`
 */
export function parseFilters(parameters: Readonly<Record<string, unknown>>): Filter[] {
  return Object.entries(parameters).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((text) => parseParameter(name, String(text))),
  )
}

function parseParameter(name: string, text: string): Filter {
  const group = /^(not\.)?(and|or)$/.exec(name)
  if (!group) return parseCondition(name, text, true)
  return negate(parseGroup(group[2] as 'and' | 'or', text, 0), group[1] !== undefined)
}

/** What follows the column: `gte.18`, `not.is.null`; bare values only where they cannot be mistaken. */
function parseCondition(column: string, text: string, bareAllowed: boolean): Filter {
  const match = /^(not\.)?([a-z]+)(?:\.(.*))?$/s.exec(text)
  const [, not, op, rest] = match ?? []
  if (op === undefined || rest === undefined || !isOperator(op)) {
    if (bareAllowed && not === undefined) return { kind: 'compare', column, op: 'eq', value: text }
    throw invalid(`“${column}.${text}” has no operator that is known`)
  }
  return negate(conditionOf(column, op, rest), not !== undefined)
}

const isOperator = (op: string) =>
  op === 'in' || op === 'is' || (COMPARISONS as readonly string[]).includes(op)

function conditionOf(column: string, op: string, rest: string): Filter {
  if (op === 'in') return { kind: 'in', column, values: splitList(rest).map(unquote) }
  if (op !== 'is')
    return { kind: 'compare', column, op: op as Comparison, value: unquoteWhole(rest) }
  const value = rest.toLowerCase() as IsValue
  if (!IS_VALUES.includes(value)) throw invalid(`“is” takes ${IS_VALUES.join(', ')}`)
  return { kind: 'is', column, value }
}

function parseGroup(kind: 'and' | 'or', text: string, depth: number): Filter {
  if (depth >= DEPTH_MAX) throw invalid(`conditions nest deeper than ${DEPTH_MAX}`)
  const filters = splitList(text).map((part) => parseMember(part, depth))
  if (filters.length === 0) throw invalid(`“${kind}” is empty`)
  return { kind, filters }
}

/** A member of a group: another group, or `column.operator.value` (the column in double quotes if it has a dot). */
function parseMember(text: string, depth: number): Filter {
  const group = /^(not\.)?(and|or)(\(.*\))$/s.exec(text)
  if (group)
    return negate(
      parseGroup(group[2] as 'and' | 'or', group[3] ?? '', depth + 1),
      group[1] !== undefined,
    )
  const condition = /^("(?:[^"\\]|\\.)*"|[^."]+)\.(.*)$/s.exec(text)
  if (!condition) throw invalid(`“${text}” is not column.operator.value`)
  return parseCondition(unquote(condition[1] ?? ''), condition[2] ?? '', false)
}

/** The items of `(a,"b,c",and(d.eq.1,e.eq.2))`, still quoted. */
function splitList(text: string): string[] {
  if (!/^\(.*\)$/s.test(text)) throw invalid(`“${text}” must be in parentheses`)
  const items: string[] = []
  let depth = 0
  let quoted = false
  let item = ''
  for (let at = 1; at < text.length - 1; at += 1) {
    const char = text[at] ?? ''
    if (quoted && char === '\\') {
      item += char + (text[at + 1] ?? '')
      at += 1
      continue
    }
    if (char === '"') quoted = !quoted
    if (!quoted && char === '(') depth += 1
    if (!quoted && char === ')') depth -= 1
    if (depth < 0) throw invalid('the parentheses do not match')
    if (char === ',' && !quoted && depth === 0) {
      items.push(item)
      item = ''
    } else item += char
  }
  if (quoted || depth !== 0) throw invalid('a quote or parenthesis is not closed')
  return item === '' && items.length === 0 ? [] : [...items, item]
}

/** PostgREST quotes reserved characters with double quotes, and a quote within them with a backslash. */
const unquote = (text: string) =>
  /^".*"$/s.test(text) ? text.slice(1, -1).replace(/\\(.)/gs, '$1') : text

/** Outside of a list quotes are part of the value, except within a group, where they were needed to split. */
const unquoteWhole = (text: string) => (/^"(?:[^"\\]|\\.)*"$/s.test(text) ? unquote(text) : text)

const negate = (filter: Filter, not: boolean): Filter => (not ? { kind: 'not', filter } : filter)

const invalid = (detail: string) => new AppError('filter.invalid', detail)
