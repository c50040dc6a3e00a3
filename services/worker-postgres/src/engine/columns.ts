import type { ColumnType } from '@db-forge/contract'
import { uniqueKeys } from '@db-forge/worker-kit'
import { type Field, readFields } from '../wire/responses.ts'
import { columnType, type TypeNames } from './type-names.ts'

/** What is known of the columns of an answer before its first row. The same object for the same description. */
export interface Columns {
  readonly fields: readonly Field[]
  readonly types: readonly ColumnType[]
  readonly keys: readonly string[]
}

export const NO_COLUMNS: Columns = { fields: [], types: [], keys: [] }

const REMEMBERED_MAX = 500
const remembered = new Map<string, Columns>()

/** Of the server's RowDescription. Most answers are described as one before them was. */
export function columnsOf(description: Buffer): Columns {
  const key = description.toString('latin1')
  const known = remembered.get(key)
  if (known) return known
  const fields = readFields(description)
  const columns: Columns = {
    fields,
    types: fields.map(({ typeOid }) => columnType(typeOid)),
    keys: uniqueKeys(fields.map(({ name }) => name)),
  }
  if (remembered.size >= REMEMBERED_MAX) remembered.clear()
  remembered.set(key, columns)
  return columns
}

/** JSON list of columns; null where the name of a type has to be learnt first. */
function columnsText(columns: Columns, names: TypeNames): string | null {
  const known = names.texts.get(columns)
  if (known !== undefined) return known
  const { fields, types, keys } = columns
  const list: object[] = []
  for (const [at, { name, typeOid, typeModifier }] of fields.entries()) {
    const declared = names.known(typeOid, typeModifier)
    if (declared === undefined) return null
    const key = keys[at]
    list.push({ name, declared, ...(key === name ? {} : { key }), type: types[at] })
  }
  const text = JSON.stringify(list)
  names.texts.set(columns, text)
  return text
}

export function learntColumnsText(columns: Columns, names: TypeNames): string | Promise<string> {
  return columnsText(columns, names) ?? learn(columns, names)
}

async function learn(columns: Columns, names: TypeNames): Promise<string> {
  await names.learn(columns.fields.map(({ typeOid, typeModifier }) => [typeOid, typeModifier]))
  return columnsText(columns, names) ?? '[]'
}
