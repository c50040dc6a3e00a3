import { WorkerFailure } from '@db-forge/worker-kit'
import { describe, expect, test } from 'vitest'
import { toFailure } from './errors.ts'
import { firstWord, refuseUnfit, rowsToAsk } from './first-word.ts'
import { bindingsOf } from './parameters.ts'

const refused = (sql: string, inTransaction = false): boolean => {
  try {
    refuseUnfit(sql, inTransaction)
    return false
  } catch (error) {
    return error instanceof WorkerFailure && error.code === 'sql.denied'
  }
}

describe('statements', () => {
  test('the first word, past comments', () => {
    expect(firstWord('  -- select\n /* insert\n*/ ; UpDaTe t')).toBe('update')
    expect(firstWord('(select 1)')).toBe('')
    expect(firstWord('')).toBe('')
  })

  test('what begins or ends a transaction is refused, savepoints only outside of one', () => {
    for (const sql of [
      'begin',
      'START TRANSACTION',
      'commit',
      'end',
      'abort',
      '/**/rollback',
      "prepare transaction 'x'",
    ]) {
      expect(refused(sql)).toBe(true)
      expect(refused(sql, true)).toBe(true)
    }
    expect(refused('rollback to a', true)).toBe(false)
    expect(refused('rollback work to savepoint a', true)).toBe(false)
    expect(refused('rollback to a')).toBe(true)
    expect(refused('prepare p as select 1')).toBe(false)
    expect(refused('select 1')).toBe(false)
  })

  test('only what reads is asked for fewer rows than it has', () => {
    expect(rowsToAsk('select 1', 5)).toBe(6)
    expect(rowsToAsk('with a as (select 1) select * from a', 5)).toBe(6)
    expect(rowsToAsk('with a as (DELETE from t returning *) select * from a', 5)).toBe(0)
    expect(rowsToAsk('insert into t values (1) returning *', 5)).toBe(0)
  })
})

describe('parameters', () => {
  test('are text, bytes or null', () => {
    const params = [null, true, 1.5, 'x', { $integer: '9' }, { $real: 'NaN' }, { $text: 't' }]
    expect(bindingsOf(params)).toEqual([null, 'true', '1.5', 'x', '9', 'NaN', 't'])
    expect(bindingsOf([{ $blob: 'AP8=' }])).toEqual([Buffer.of(0, 255)])
    expect(bindingsOf({})).toEqual([])
    expect(bindingsOf(undefined)).toEqual([])
  })

  test('that no statement can have are refused', () => {
    expect(() => bindingsOf({ a: 1 })).toThrow(WorkerFailure)
    expect(() => bindingsOf(Array.from({ length: 65_536 }, () => null))).toThrow(WorkerFailure)
    expect(() => bindingsOf([[1]] as never)).toThrow(WorkerFailure)
  })
})

test('errors have the contract’s codes', () => {
  const codeOf = (sqlCode: string, message = '') => toFailure({ C: sqlCode, M: message }, '').code
  expect(codeOf('23505')).toBe('sql.constraint')
  expect(codeOf('42601', 'cannot insert multiple commands into a prepared statement')).toBe(
    'sql.multiple',
  )
  expect(codeOf('42601', 'syntax error')).toBe('sql.error')
  expect(codeOf('53100')).toBe('disk.full')
  expect(codeOf('42501')).toBe('sql.denied')
  expect(codeOf('40P01')).toBe('sql.error')
})
