/**
 * SQL values in JSON, without loss.
 *
 * Null, text, finite reals and integers within ±(2^53−1) are JSON values. The others are strings that only the
 * column's type explains: in an `integer` column a string holds a larger integer, in a `blob` column base64, in a
 * `numeric` column a decimal number with all its digits, in a `json` column JSON text as the engine keeps it. Cells of a
 * `boolean` column are true and false.
 * A value that its column's type does not explain (SQLite lets any cell hold any type) is an object with one
 * member that says what it is: `{"$blob":"…"}`. As input, such objects are accepted anywhere.
 */
import { z } from 'zod'

export type SqlValue = null | boolean | number | bigint | string | Uint8Array

/** What a column's cells are read as. `any`: nothing is known, so each cell that needs it is tagged. */
export const ColumnType = z.enum([
  'integer',
  'real',
  'text',
  'blob',
  'any',
  'boolean',
  'numeric',
  'json',
])
export type ColumnType = z.output<typeof ColumnType>

const INT64 = /^-?\d{1,19}$/
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
const isInt64 = (text: string) =>
  INT64.test(text) && BigInt.asIntN(64, BigInt(text)) === BigInt(text)

export const TaggedValue = z.union([
  z.strictObject({ $integer: z.string().refine(isInt64, 'not a 64-bit integer') }),
  z.strictObject({
    $real: z.enum(['Infinity', '-Infinity', 'NaN']).or(z.string().regex(/^-?\d[\d.eE+-]*$/)),
  }),
  z.strictObject({ $text: z.string() }),
  z.strictObject({ $blob: z.string().regex(BASE64, 'not base64') }),
])
export type TaggedValue = z.output<typeof TaggedValue>

const TAGS = new Set(['$integer', '$real', '$text', '$blob'])

/** Whether an object says by its one member what it is. */
export function isTagged(value: object): boolean {
  const [member = '', ...others] = Object.keys(value)
  return others.length === 0 && TAGS.has(member)
}

/** A cell of an answer. */
export const JsonValue = z
  .union([z.null(), z.number(), z.string(), z.boolean(), TaggedValue])
  .meta({ id: 'Value' })
export type JsonValue = z.output<typeof JsonValue>

/**
 * A parameter or a cell on its way in. Integers beyond ±(2^53−1) may also be plain JSON numbers: the gateway
 * reads bodies without rounding and hands them over as bigint.
 */
export const InputValue = z
  .union([z.null(), z.boolean(), z.number(), z.string(), TaggedValue, z.bigint()])
  .meta({ id: 'InputValue' })
export type InputValue = z.output<typeof InputValue>

/** Bytes to base64, in a browser as in Node. */
export function toBase64(bytes: Uint8Array): string {
  let binary = ''
  for (let at = 0; at < bytes.length; at += 0x8000)
    binary += String.fromCharCode(...bytes.subarray(at, at + 0x8000))
  return btoa(binary)
}

export function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (char) => char.charCodeAt(0))
}

/** @throws RangeError for an integer that does not fit 64 bits. */
export function encodeInput(value: SqlValue): InputValue {
  if (typeof value === 'bigint') {
    if (BigInt.asIntN(64, value) !== value) throw new RangeError(`${value} does not fit 64 bits`)
    return { $integer: value.toString() }
  }
  if (value instanceof Uint8Array) return { $blob: toBase64(value) }
  if (typeof value === 'number' && !Number.isFinite(value)) return { $real: String(value) }
  return value
}

/** The value that a cell of an answer stands for. Integers are bigint only where number would round. */
export function decodeValue(value: JsonValue, type: ColumnType): SqlValue {
  if (value === null || typeof value === 'number' || typeof value === 'boolean') return value
  if (typeof value === 'string') {
    if (type === 'integer') return BigInt(value)
    return type === 'blob' ? fromBase64(value) : value
  }
  if ('$integer' in value) return BigInt(value.$integer)
  if ('$real' in value) return Number(value.$real)
  return '$blob' in value ? fromBase64(value.$blob) : value.$text
}
