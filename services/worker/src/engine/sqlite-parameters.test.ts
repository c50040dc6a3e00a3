import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { EngineUnderTest, failure } from '../testing/engine.ts'

let db: EngineUnderTest
beforeEach(() => {
  db = new EngineUnderTest()
  db.query('create table t (id integer primary key, v text)')
})
afterEach(() => db.close())

const array = { rowFormat: 'array' }

describe('parameters', () => {
  test.each([
    ['select ?, ?', [1, 2], [1, 2]],
    ['select ?2, ?1', [1, 2], [2, 1]],
    ['select ?1, ?1, ?', [1, 2], [1, 1, 2]],
    ['select :a, @b, $c', { a: 1, b: 2, c: 3 }, [1, 2, 3]],
    ['select :a, :a', { a: 1 }, [1, 1]],
    ['select :a, @a', { a: 1 }, [1, 1]],
    ['select :a, :b', [1, 2], [1, 2]],
    ['select :a, @a', [1, 2], [1, 2]],
    ['select :a, ?', [1, 2], [1, 2]],
    ['select \':a\', "?", ? -- ?\n /* ? */ from (select 1 as "?")', [5], [':a', 1, 5]],
    ['select :__proto__', JSON.parse('{"__proto__": 3}'), [3]],
    ['select 1', [], [1]],
    ['select 1', {}, [1]],
  ])('%s takes %j', (sql, params, row) => {
    expect(db.query(sql, params, array).rows).toEqual([row])
  })

  test.each([
    ['select ?', [], 'the statement has 1 parameter, and 0 were given'],
    ['select 1', [1], 'the statement has 0 parameters, and 1 were given'],
    ['select ?3', [1], 'the statement has 3 parameters, and 1 were given'],
    ['select :a, :b', { a: 1 }, 'no value for :b'],
    ['select :a', { a: 1, c: 2 }, 'the statement has no parameter named c'],
    [
      'select ?',
      { a: 1 },
      'the statement has the parameter ?, which takes its value from an array',
    ],
    ['select :a', { toString: 1 }, 'no value for :a'],
    ['select ?', [{ $integer: '9223372036854775808' }], 'parameter 1 does not fit 64 bits'],
    ['select :a', { a: {} }, 'parameter :a is neither null'],
    ['select ?', [[1]], 'parameter 1 is neither null'],
  ])('%s refuses %j with a clear word', (sql, params, detail) => {
    const { code, message } = failure(() => db.query(sql, params))
    expect(code).toBe('sql.params')
    expect(message).toContain(detail)
  })
})
