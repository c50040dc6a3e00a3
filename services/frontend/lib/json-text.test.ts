import { expect, it } from 'vitest'
import { indentedJson } from './json-text'

it('writes what JSON.stringify would', () => {
  const value = { a: [1, true, null, {}, []], 'b:{"': 'x, [y]: \\ "z" \n', c: { d: { e: -1.5 } } }
  const indented = JSON.stringify(value, null, 2)
  expect(indentedJson(JSON.stringify(value))).toBe(indented)
  expect(indentedJson(indented)).toBe(indented)
  for (const text of ['"text"', '12', 'null', '[]', '{}']) expect(indentedJson(text)).toBe(text)
})

it('loses no digit', () => {
  expect(indentedJson('[12345678901234567890.123456789, 1e400]')).toBe(
    '[\n  12345678901234567890.123456789,\n  1e400\n]',
  )
})
