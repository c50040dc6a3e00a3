import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { joinTableName, splitTableName } from './table-name.ts'

describe('names of tables with schemas', () => {
  test.each([
    ['public', 'people', 'people'],
    ['sales', 'orders', 'sales.orders'],
    ['a', 'b.c', 'a.b.c'],
    ['public', 'a.b', 'public.a.b'],
    ['a.b', 'c', '"a.b".c'],
    ['public', '"', '"'],
  ])('%s, %s is %s', (schema, table, name) => {
    expect(joinTableName({ schema, table })).toBe(name)
    expect(splitTableName(name)).toEqual({ schema, table })
  })

  test('any name leads back to its table, so no two tables share one', () => {
    const part = fc.oneof(
      fc.string({ minLength: 1 }),
      fc.stringMatching(/^[a".]{1,6}$/),
      fc.constant('public'),
    )
    fc.assert(
      fc.property(part, part, (schema, table) => {
        expect(splitTableName(joinTableName({ schema, table }))).toEqual({ schema, table })
      }),
    )
  })

  test('the usual schema may be named', () => {
    expect(splitTableName('public.people')).toEqual({ schema: 'public', table: 'people' })
  })
})
