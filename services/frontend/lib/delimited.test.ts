import { expect, it } from 'vitest'
import { delimited } from './delimited'

it('quotes what would be read otherwise', () => {
  const rows = [
    ['id', 'note'],
    ['1', 'plain'],
    ['2', 'a "b", c\nd'],
  ]
  expect(delimited(rows, ',')).toBe('id,note\r\n1,plain\r\n2,"a ""b"", c\nd"')
  expect(delimited([['a,b', 'c\td']], '\t')).toBe('a,b\t"c\td"')
})
