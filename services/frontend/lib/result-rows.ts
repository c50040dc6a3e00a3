import type { JsonValue, QueryResult } from '@db-forge/contract'
import { wholeCell } from './cells'
import { delimited } from './delimited'

/** Rows of an answer that was asked for with `rowFormat: 'array'`, so that columns of one name stay apart. */
export const rowsOf = (result: QueryResult) => result.rows as readonly (readonly JsonValue[])[]

/** A whole result with its head, as text. */
export function resultAsText(result: QueryResult, separator: ',' | '\t'): string {
  const types = result.columns.map(({ type }) => type)
  const rows = rowsOf(result).map((row) =>
    row.map((value, column) => wholeCell(value, types[column] ?? 'any')),
  )
  return delimited([result.columns.map(({ name }) => name), ...rows], separator)
}
