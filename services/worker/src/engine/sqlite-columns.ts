import type { ColumnType } from '@db-forge/contract'
import { uniqueKeys } from '@db-forge/worker-kit'
import type { NativeColumn } from './sqlite-native.ts'

/** In the order of the guard's numbers. */
const TYPES = ['integer', 'real', 'text', 'blob', 'any']

/** The type that a declaration settles by SQLite's rules of affinity; null where only the cells can tell. */
function declaredType(declared: string | null): ColumnType | null {
  if (!declared) return null
  if (/int/i.test(declared)) return 'integer'
  if (/char|clob|text/i.test(declared)) return 'text'
  if (/blob/i.test(declared)) return 'blob'
  return /real|floa|doub/i.test(declared) ? 'real' : null
}

/** What the guard puts around the cells, and around the type of each column, which it may learn from the first row. */
export function shapeOf(columns: readonly NativeColumn[]) {
  const keys = uniqueKeys(columns.map(({ name }) => name))
  return {
    types: columns.map(({ declared }) => TYPES.indexOf(declaredType(declared) ?? '')),
    keys: keys.map((key, at) => `${at === 0 ? '{' : ','}${JSON.stringify(key)}:`),
    heads: columns.map(({ name, declared }, at) => {
      const key = keys[at]
      const known = JSON.stringify({ name, declared, ...(key === name ? {} : { key }) })
      return `${known.slice(0, -1)},"type":"`
    }),
  }
}
