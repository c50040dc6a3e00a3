import { describe, expect, test } from 'vitest'
import { firstWord, StatementRoutes } from './statement-routes.ts'

describe('where a statement goes', () => {
  test('an unknown text is tried on a reader', () => {
    expect(new StatementRoutes().find('insert into t values (1)')).toEqual({
      side: 'reader',
      known: false,
    })
  })

  test('a text that the engine has placed goes there again, and others of its first word are guessed so', () => {
    const routes = new StatementRoutes()
    routes.learn('insert into t values (1)', 'writer')
    expect(routes.find('insert into t values (1)')).toEqual({ side: 'writer', known: true })
    expect(routes.find('/* x */ INSERT into u values (2)')).toEqual({
      side: 'writer',
      known: false,
    })
    expect(routes.find('select 1')).toEqual({ side: 'reader', known: false })
  })

  test('a word that both reads and writes is guessed by what it did lately', () => {
    const routes = new StatementRoutes()
    for (let n = 0; n < 10; n++) routes.learn(`with a as (select ${n}) insert into t …`, 'writer')
    expect(routes.find('with b …').side).toBe('writer')
    for (let n = 0; n < 4; n++) routes.learn(`with a as (select ${n}) select …`, 'reader')
    expect(routes.find('with b …').side).toBe('reader')
  })

  test('what is used is kept, what is not is forgotten, however many texts there are', () => {
    const routes = new StatementRoutes()
    routes.learn('pragma used', 'writer')
    routes.learn('pragma unused', 'writer')
    for (let n = 0; n < 5000; n++) {
      routes.learn(`select ${n}`, 'reader')
      routes.find('pragma used')
    }
    expect(routes.find('pragma used').known).toBe(true)
    expect(routes.find('pragma unused').known).toBe(false)
    expect(routes.find('select 4999').known).toBe(true)
    expect(routes.find('select 0').known).toBe(false)
  })

  test('texts count by their length too, and very long ones are not kept', () => {
    const routes = new StatementRoutes()
    routes.learn('first', 'reader')
    const long = (n: number) => `select ${n} -- ${'x'.repeat(4000)}`
    for (let n = 0; n < 200; n++) routes.learn(long(n), 'reader')
    expect(routes.find('first').known).toBe(false)
    expect(routes.find(long(199)).known).toBe(true)
    const longer = `update t set x = '${'x'.repeat(5000)}'`
    routes.learn(longer, 'writer')
    expect(routes.find(longer)).toEqual({ side: 'writer', known: false })
  })

  test.each([
    ['select 1', 'select'],
    ['  \n-- a comment\n/* another\n*/ Insert into t', 'insert'],
    ['(values (1))', 'values'],
    ['; ;delete from t', 'delete'],
    ['-- nothing else', ''],
    ['/* never closed', ''],
    ['', ''],
    ['"quoted"', ''],
    [`${'-'.repeat(100_000)}`, ''],
    ['abcdefghijklmnopqrstuvwxyz', 'abcdefghijklmnop'],
  ])('the first word of %j', (sql, word) => {
    expect(firstWord(sql)).toBe(word)
  })
})
