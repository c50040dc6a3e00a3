import { describe, expect, test } from 'vitest'
import { parseBody } from './json-body.ts'

describe('JSON bodies', () => {
  test('integers that a double would round arrive as bigint, all others as number', () => {
    expect(
      parseBody(
        '{"params":[9007199254740993,-9223372036854775808,9007199254740991,1e20,0.1234567890123456789]}',
      ),
    ).toEqual({
      params: [
        9007199254740993n,
        -9223372036854775808n,
        9007199254740991,
        1e20,
        0.12345678901234568,
      ],
    })
  })

  test('digits within a string stay a string', () => {
    expect(parseBody('["9007199254740993"]')).toEqual(['9007199254740993'])
  })

  test.each(['{"__proto__":{"a":1}}', '{"constructor":{"prototype":{"a":1}}}', '{', '[1,]'])(
    '%s is refused',
    (text) => {
      expect(() => parseBody(text)).toThrow(SyntaxError)
    },
  )

  test('an empty body is none', () => {
    expect(parseBody(' \n')).toBeUndefined()
  })
})
