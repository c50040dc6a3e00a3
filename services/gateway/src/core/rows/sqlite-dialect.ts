import type { ColumnInfo, InputValue } from '@db-forge/contract'
import { AppError } from '../app-error.ts'
import type { Dialect } from './dialect.ts'
import {
  blobHex,
  isDocument,
  jsonText,
  likePattern,
  quotedName,
  quotedText,
  taggedBlob,
} from './values.ts'

export const sqlite: Dialect = {
  parametersMax: 32_766,
  parameter: () => '?',
  quote: quotedName,
  table: quotedName,
  isSameColumn: (a, b) => a.toLowerCase() === b.toLowerCase(),
  compared: ({ name }) => quotedName(name),
  literal,
  matches: (op, { name }, pattern, bind) =>
    op === 'like'
      ? `${quotedName(name)} glob ${bind(globOf(pattern))}`
      : `${quotedName(name)} like ${bind(likePattern(pattern))} escape '\\'`,
  value: (_column, value) => (isDocument(value) ? jsonText(value) : value),
  autoIncrement: 'autoincrement',
  defaultLiteral,
  indexName: (table, columns) => [table, ...columns, 'idx'].join('_'),
  renameTable: (name, to) => [`alter table ${quotedName(name)} rename to ${quotedName(to)}`],
  kinds: { table: 'table', view: 'view', materializedView: 'view', virtual: 'table' },
  extensionsSql: null,
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
function literal({ type }: ColumnInfo, text: string): InputValue {
  if (type !== '' && !/blob/i.test(type)) return text
  if (/^-?(?:0|[1-9]\d{0,17})$/.test(text)) return { $integer: text }
  if (/^-?\d+\.\d+$/.test(text)) return { $real: text }
  return taggedBlob(text) ?? text
}

function defaultLiteral(value: InputValue): string {
  if (value === null) return 'null'
  if (typeof value === 'boolean') return value ? '1' : '0'
  if (typeof value === 'number' || typeof value === 'bigint') return String(value)
  if (typeof value === 'string') return quotedText(value)
  if ('$integer' in value) return value.$integer
  if ('$text' in value) return quotedText(value.$text)
  if ('$blob' in value) return `x'${blobHex(value)}'`
  if (!Number.isFinite(Number(value.$real)))
    throw new AppError('request.invalid', 'A default must be finite')
  return value.$real
}
