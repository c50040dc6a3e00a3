import type { ColumnType } from '@db-forge/contract'
import type { Field } from '../wire/responses.ts'
import { columnType, type TypeNames } from './type-names.ts'

/** What is known of the columns of an answer before its first row. */
export interface Columns {
  readonly fields: readonly Field[]
  readonly types: readonly ColumnType[]
  readonly keys: readonly string[]
}

export const NO_COLUMNS: Columns = { fields: [], types: [], keys: [] }

export const columnsOf = (fields: readonly Field[]): Columns => ({
  fields,
  types: fields.map(({ typeOid }) => columnType(typeOid)),
  keys: uniqueKeys(fields.map(({ name }) => name)),
})

/** JSON list of columns; null where the name of a type has to be learnt first. */
function columnsText({ fields, types, keys }: Columns, names: TypeNames): string | null {
  const list: object[] = []
  for (const [at, { name, typeOid, typeModifier }] of fields.entries()) {
    const declared = names.known(typeOid, typeModifier)
    if (declared === undefined) return null
    const key = keys[at]
    list.push({ name, declared, ...(key === name ? {} : { key }), type: types[at] })
  }
  return JSON.stringify(list)
}

export async function learntColumnsText(columns: Columns, names: TypeNames): Promise<string> {
  const text = columnsText(columns, names)
  if (text !== null) return text
  await names.learn(columns.fields.map(({ typeOid, typeModifier }) => [typeOid, typeModifier]))
  return columnsText(columns, names) ?? '[]'
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
