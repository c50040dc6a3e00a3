import type { ColumnType, RowFormat } from '@db-forge/contract'
import { type Cell, encodeCell, typeOfCell } from './sqlite-values.ts'

export interface ResultColumn {
  readonly name: string
  readonly declared: string | null
}

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

/** How the rows of one prepared statement become JSON text. */
export class RowEncoder {
  readonly #columns: readonly ResultColumn[]
  readonly #keys: readonly string[]
  readonly #settled: readonly (ColumnType | null)[]
  readonly #settledText: string | null
  readonly #prefixes: Readonly<Record<RowFormat, readonly string[]>>

  constructor(columns: readonly ResultColumn[]) {
    this.#columns = columns
    this.#keys = uniqueKeys(columns.map(({ name }) => name))
    this.#settled = columns.map(({ declared }) => declaredType(declared))
    const types = this.#settled.filter((type) => type !== null)
    this.#settledText = types.length === columns.length ? this.#textOf(types) : null
    this.#prefixes = {
      object: this.#keys.map((key, at) => `${at === 0 ? '{' : ','}${JSON.stringify(key)}:`),
      array: this.#keys.map((_, at) => (at === 0 ? '[' : ',')),
    }
  }

  /** The types of all columns, once the first row is known, if there is one. */
  types(first: readonly Cell[] | undefined): readonly ColumnType[] {
    if (this.#settledText !== null) return this.#settled as readonly ColumnType[]
    return this.#settled.map((type, at) => type ?? typeOfCell(first?.[at] ?? null))
  }

  /** JSON text of the list of columns. */
  columnsText(types: readonly ColumnType[]): string {
    return this.#settledText ?? this.#textOf(types)
  }

  row(cells: readonly Cell[], types: readonly ColumnType[], format: RowFormat): string {
    const prefixes = this.#prefixes[format]
    let text = ''
    for (let at = 0; at < cells.length; at += 1)
      text += prefixes[at] + encodeCell(cells[at] as Cell, types[at] as ColumnType)
    return text + (format === 'object' ? '}' : ']')
  }

  #textOf(types: readonly ColumnType[]): string {
    const columns = this.#columns.map(({ name, declared }, at) => {
      const key = this.#keys[at]
      return { name, type: types[at], declared, ...(key === name ? {} : { key }) }
    })
    return JSON.stringify(columns)
  }
}
