import { expect, test } from 'vitest'
import { negotiate } from './accept.ts'

const OFFERED = ['application/json', 'application/x-ndjson', 'text/csv']

test.each([
  [undefined, 'application/json'],
  ['*/*', 'application/json'],
  ['application/*', 'application/json'],
  ['text/csv', 'text/csv'],
  ['text/*', 'text/csv'],
  ['TEXT/CSV; charset=utf-8', 'text/csv'],
  ['application/x-ndjson', 'application/x-ndjson'],
  ['application/x-ndjson, */*;q=0.1', 'application/x-ndjson'],
  ['text/csv;q=0.5, application/x-ndjson;q=0.9', 'application/x-ndjson'],
  ['*/*, application/json;q=0', 'application/x-ndjson'],
  ['text/html,application/xhtml+xml,*/*;q=0.8', 'application/json'],
])('Accept %j takes %s', (accept, type) => {
  expect(negotiate(accept, OFFERED)).toBe(type)
})

test.each(['text/html', 'application/json;q=0', 'text/csv;q=2', '', ',;', 'image/*'])(
  'Accept %j is refused, and told what there is',
  (accept) => {
    expect(() => negotiate(accept, OFFERED)).toThrow('application/x-ndjson')
  },
)
