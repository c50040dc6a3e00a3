import type { ColumnType } from '@db-forge/contract'

/** A cell as better-sqlite3 hands it out: integers always as bigint. */
export type Cell = null | bigint | number | string | Buffer

/** The contract's rules for values, cell by cell, as JavaScript says them: what native/rows.c is measured by. */
export function encodeCell(cell: Cell, type: ColumnType): string {
  switch (typeof cell) {
    case 'string':
      return type === 'integer' || type === 'blob'
        ? `{"$text":${JSON.stringify(cell)}}`
        : JSON.stringify(cell)
    case 'bigint':
      return encodeInteger(cell, type)
    case 'number':
      return encodeReal(cell)
    default:
      if (cell === null) return 'null'
      return type === 'blob'
        ? `"${cell.toString('base64')}"`
        : `{"$blob":"${cell.toString('base64')}"}`
  }
}

function encodeInteger(cell: bigint, type: ColumnType): string {
  const number = Number(cell)
  if (Number.isSafeInteger(number)) return String(number)
  return type === 'integer' ? `"${cell}"` : `{"$integer":"${cell}"}`
}

function encodeReal(cell: number): string {
  if (Number.isFinite(cell)) return Object.is(cell, -0) ? '-0.0' : String(cell)
  return `{"$real":"${cell}"}`
}
