/** Parameters as they come, to what the guard binds. Back to JSON text they are written in native/rows.c. */
import type { NativeValue } from './sqlite-native.ts'

/** A number without a fraction is bound as an integer. */
export type Binding = NativeValue

export class ValueError extends Error {}

const INT64_MAX = 2n ** 63n - 1n

/** @throws ValueError for what is no InputValue of the contract. */
export function toBinding(value: unknown): Binding {
  switch (typeof value) {
    case 'string':
    case 'number':
    case 'boolean':
      return value
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
    if (tag === '$real') return Float64Array.of(toReal(content))
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
