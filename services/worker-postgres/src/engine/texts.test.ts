import type { ColumnType } from '@db-forge/contract'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ByteText } from './byte-text.ts'
import { addCsvCell, addJsonCell, readBytea } from './cells.ts'

const text = fc.string({ unit: 'binary', maxLength: 300 }).filter((value) => !value.includes('\0'))

function jsonOf(type: ColumnType, source: string): unknown {
  const out = new ByteText()
  const bytes = Buffer.from(`<${source}>`)
  addJsonCell(out, type, bytes, 1, bytes.length - 1)
  return JSON.parse(out.take().toString())
}

describe('cells', () => {
  test('any text is JSON that says the same', () => {
    fc.assert(
      fc.property(text, (value) => {
        const whole = Buffer.from(value).toString()
        expect(jsonOf('text', whole)).toBe(whole)
        expect(jsonOf('json', whole)).toBe(whole)
      }),
    )
  })

  test('any 64-bit integer stays itself, as a number only where that is exact', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
        const json = jsonOf('integer', value.toString())
        expect(BigInt(json as string)).toBe(value)
        expect(typeof json).toBe(Number.isSafeInteger(Number(value)) ? 'number' : 'string')
      }),
    )
    for (const edge of [2n ** 53n - 1n, 2n ** 53n, -(2n ** 53n) + 1n, -(2n ** 53n)])
      expect(BigInt(jsonOf('integer', edge.toString()) as string)).toBe(edge)
  })

  test('reals are numbers, and those that JSON lacks are tagged', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const written = Object.is(value, -0) ? '-0' : String(value)
        expect(jsonOf('real', written)).toBe(value)
      }),
    )
    for (const name of ['NaN', 'Infinity', '-Infinity'])
      expect(jsonOf('real', name)).toEqual({ $real: name })
  })

  test('bytes are read in both forms', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (value) => {
        const hex = Buffer.from(`\\x${Buffer.from(value).toString('hex')}`)
        const escaped = Buffer.from(
          [...value]
            .map((byte) =>
              byte === 0x5c
                ? '\\\\'
                : byte >= 0x20 && byte < 0x7f
                  ? String.fromCharCode(byte)
                  : `\\${byte.toString(8).padStart(3, '0')}`,
            )
            .join(''),
        )
        expect(Uint8Array.from(readBytea(hex, 0, hex.length))).toEqual(value)
        // Two bytes that read `\x` are never what the escaped form begins with.
        expect(Uint8Array.from(readBytea(escaped, 0, escaped.length))).toEqual(value)
      }),
    )
  })

  test('a field of CSV reads as the text it was', () => {
    fc.assert(
      fc.property(text, (value) => {
        const whole = Buffer.from(value)
        const out = new ByteText()
        addCsvCell(out, 'text', whole, 0, whole.length)
        const field = out.take().toString()
        const read = field.startsWith('"') ? field.slice(1, -1).replaceAll('""', '"') : field
        expect(read).toBe(whole.toString())
        expect(field.startsWith('"')).toBe(value === '' || /[",\r\n]/.test(value))
      }),
    )
  })
})
