/**
 * SQL values to JSON text and back: the contract's rules (values.ts there), cell by cell.
 * `encodeCell` is the exact inverse of the contract's `decodeValue`.
 */
import type { ColumnType } from '@db-forge/contract'

/** A cell as better-sqlite3 hands it out: integers always as bigint. */
export type Cell = null | bigint | number | string | Buffer
/** What is bound: a number is bound as REAL. */
export type Binding = Cell

export class ValueError extends Error {}

const INT64_MAX = 2n ** 63n - 1n

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

/** What the storage class of a cell says about its column, where the declaration says nothing. */
export function typeOfCell(cell: Cell): ColumnType {
  if (typeof cell === 'bigint') return 'integer'
  if (typeof cell === 'number') return 'real'
  if (typeof cell === 'string') return 'text'
  return cell === null ? 'any' : 'blob'
}

/** @throws ValueError for what is no InputValue of the contract. */
export function toBinding(value: unknown): Binding {
  switch (typeof value) {
    case 'string':
      return value
    case 'number':
      return Number.isSafeInteger(value) && !Object.is(value, -0) ? BigInt(value) : value
    case 'boolean':
      return value ? 1n : 0n
    case 'object':
      return value === null ? null : untag(value as Record<string, unknown>)
    default:
      throw new ValueError('is missing')
  }
}

function untag(value: Record<string, unknown>): Binding {
  const [tag, content] = Object.entries(value)[0] ?? []
  if (typeof content === 'string') {
    if (tag === '$integer') return toInt64(content)
    if (tag === '$real') return toReal(content)
    if (tag === '$text') return content
    if (tag === '$blob') return Buffer.from(content, 'base64')
  }
  throw new ValueError(
    'is neither null, true, false, a number, text nor a tagged value such as {"$blob":"…"}',
  )
}

function toInt64(text: string): bigint {
  if (!/^-?\d{1,19}$/.test(text)) throw new ValueError('is not a 64-bit integer')
  const integer = BigInt(text)
  if (integer > INT64_MAX || integer < -INT64_MAX - 1n) throw new ValueError('does not fit 64 bits')
  return integer
}

function toReal(text: string): number {
  const real = Number(text)
  if (Number.isNaN(real) && text !== 'NaN') throw new ValueError('is not a number')
  return real
}
