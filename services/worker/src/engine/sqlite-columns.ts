import type { ColumnType } from '@db-forge/contract'
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

/** Members of a row that is an object: the names, made unique where several columns bear one. */
function uniqueKeys(names: readonly string[]): string[] {
  const taken = new Set(names)
  const seen = new Set<string>()
  return names.map((name) => {
    if (!seen.has(name)) {
      seen.add(name)
      return name
    }
    let nth = 2
    while (taken.has(`${name}_${nth}`)) nth += 1
    const key = `${name}_${nth}`
    taken.add(key)
    return key
  })
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
