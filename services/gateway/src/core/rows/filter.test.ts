import { describe, expect, test } from 'vitest'
import { AppError } from '../app-error.ts'
import { parseFilters } from './filter.ts'

const compare = (column: string, op: string, value: string) => ({
  kind: 'compare',
  column,
  op,
  value,
})

describe('row filters', () => {
  test.each([
    ['age', 'gte.18', compare('age', 'gte', '18')],
    ['age', '24', compare('age', 'eq', '24')],
    ['email', 'a.b@example.org', compare('email', 'eq', 'a.b@example.org')],
    ['email', 'eq.eq.x', compare('email', 'eq', 'eq.x')],
    ['name', 'not.like.A*', { kind: 'not', filter: compare('name', 'like', 'A*') }],
    ['id', 'in.(1,"a,b",2)', { kind: 'in', column: 'id', values: ['1', 'a,b', '2'] }],
    ['id', 'in.("say \\"hi\\"")', { kind: 'in', column: 'id', values: ['say "hi"'] }],
    ['id', 'in.()', { kind: 'in', column: 'id', values: [] }],
    ['gone', 'is.not_null', { kind: 'is', column: 'gone', value: 'not_null' }],
    ['text', 'eq.two\nlines', compare('text', 'eq', 'two\nlines')],
    ['text', 'eq.', compare('text', 'eq', '')],
  ])('%s=%s', (name, text, expected) => {
    expect(parseFilters({ [name]: text })).toEqual([expected])
  })

  test('a parameter given twice means both', () => {
    expect(parseFilters({ age: ['gt.1', 'lt.5'] })).toEqual([
      compare('age', 'gt', '1'),
      compare('age', 'lt', '5'),
    ])
  })

  test('groups nest', () => {
    expect(parseFilters({ or: '(a.eq.1,and(b.gt.2,"c.d".is.null))' })).toEqual([
      {
        kind: 'or',
        filters: [
          compare('a', 'eq', '1'),
          {
            kind: 'and',
            filters: [compare('b', 'gt', '2'), { kind: 'is', column: 'c.d', value: 'null' }],
          },
        ],
      },
    ])
  })

  test.each([
    ['or', 'a.eq.1'],
    ['or', '()'],
    ['or', '(a.eq.1'],
    ['or', '(a)'],
    ['or', '(a.1)'],
    ['id', 'in.1,2'],
    ['id', 'is.maybe'],
    ['id', 'not.foo.18'],
    ['and', `${'and('.repeat(50)}a.eq.1${')'.repeat(50)}`],
  ])('%s=%s is refused', (name, text) => {
    expect(() => parseFilters({ [name]: text })).toThrow(AppError)
  })
})
