import { toBase64 } from '@db-forge/contract'
import { expect, it } from 'vitest'
import { describeCell, wholeCell } from './cells'

it('tells NULL from the text of that name', () => {
  expect(describeCell(null, 'text')).toEqual({ kind: 'null', text: 'NULL' })
  expect(describeCell('NULL', 'text')).toEqual({ kind: 'text', text: 'NULL' })
  expect(wholeCell(null, 'text')).toBe('')
})

it('rounds no integer', () => {
  expect(describeCell('9007199254740993', 'integer')).toEqual({
    kind: 'number',
    text: '9007199254740993',
  })
  expect(describeCell({ $integer: '-9223372036854775808' }, 'any').text).toBe(
    '-9223372036854775808',
  )
  expect(describeCell({ $real: 'Infinity' }, 'real').text).toBe('Infinity')
})

it('shows a blob by its size and first bytes', () => {
  const bytes = Uint8Array.from({ length: 100 }, (_, at) => at)
  const shown = { kind: 'blob', text: '100 B  00 01 02 03 04 05 06 07 08 09 0a 0b…' }
  expect(describeCell(toBase64(bytes), 'blob')).toEqual(shown)
  expect(describeCell({ $blob: toBase64(bytes) }, 'any')).toEqual(shown)
  expect(describeCell(toBase64(bytes.slice(0, 2)), 'blob').text).toBe('2 B  00 01')
  expect(describeCell('', 'blob').text).toBe('0 B')
  expect(wholeCell(toBase64(bytes.slice(9, 12)), 'blob')).toBe('090a0b')
})

it('keeps text on one line and shows what cannot be seen', () => {
  expect(describeCell('a\r\nb\tc\0d', 'text').text).toBe('a↵b␉c␀d')
  expect(wholeCell('a\r\nb\tc\0d', 'text')).toBe('a\r\nb\tc\0d')
})

it('shortens long text', () => {
  const { text } = describeCell('x'.repeat(1000), 'text')
  expect(text).toBe(`${'x'.repeat(300)}…`)
})

it('keeps every digit of a decimal, and tells booleans and JSON from text', () => {
  expect(describeCell('1234567890.123456789012345678900', 'numeric')).toEqual({
    kind: 'number',
    text: '1234567890.123456789012345678900',
  })
  expect(describeCell(false, 'boolean')).toEqual({ kind: 'boolean', text: 'false' })
  expect(describeCell('{"a":\n1}', 'json')).toEqual({ kind: 'json', text: '{"a":↵1}' })
  expect(describeCell('null', 'json')).toEqual({ kind: 'json', text: 'null' })
  expect(wholeCell('{"a": 1e400}', 'json')).toBe('{"a": 1e400}')
})
