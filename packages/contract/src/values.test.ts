import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type ColumnType,
  decodeValue,
  encodeInput,
  fromBase64,
  InputValue,
  JsonValue,
  toBase64,
} from './values.ts'

describe('values', () => {
  test('bytes survive base64', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100_000 }), (bytes) => {
        expect(fromBase64(toBase64(bytes))).toEqual(bytes)
      }),
      { numRuns: 50 },
    )
  })

  test('whatever is encoded fits the schema, and decodes to itself in a column of any type', () => {
    const value = fc.oneof(
      fc.constant(null),
      fc.double({ noNaN: true }),
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      fc.uint8Array(),
    )
    const types = fc.constantFrom<ColumnType>('integer', 'real', 'text', 'blob', 'any')
    fc.assert(
      fc.property(value, types, (sql, type) => {
        const json = InputValue.parse(JSON.parse(JSON.stringify(encodeInput(sql))))
        const expected = Object.is(sql, -0) ? 0 : sql
        expect(decodeValue(JsonValue.parse(json), type)).toEqual(expected)
      }),
    )
  })

  test('text keeps every character', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(
          decodeValue(JsonValue.parse(JSON.parse(JSON.stringify(encodeInput(text)))), 'text'),
        ).toBe(text)
      }),
    )
  })

  test('what does not fit 64 bits is refused', () => {
    expect(() => encodeInput(2n ** 63n)).toThrow(RangeError)
    expect(InputValue.safeParse({ $integer: '9223372036854775808' }).success).toBe(false)
    expect(InputValue.safeParse({ $integer: '-9223372036854775808' }).success).toBe(true)
    expect(InputValue.safeParse({ $blob: 'not base64' }).success).toBe(false)
    expect(InputValue.safeParse({ $blob: '', $text: '' }).success).toBe(false)
  })

  test('a string is read as its column’s type says', () => {
    expect(decodeValue('9007199254740993', 'integer')).toBe(9007199254740993n)
    expect(decodeValue('AP8=', 'blob')).toEqual(Uint8Array.of(0, 255))
    expect(decodeValue('AP8=', 'text')).toBe('AP8=')
    expect(decodeValue({ $real: '-Infinity' }, 'any')).toBe(Number.NEGATIVE_INFINITY)
  })
})
