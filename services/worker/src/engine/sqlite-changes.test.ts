import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { EngineUnderTest, failure } from '../testing/engine.ts'

let db: EngineUnderTest
beforeEach(() => {
  db = new EngineUnderTest()
  db.query('create table t (id integer primary key, v text)')
})
afterEach(() => db.close())

const endless = 'with recursive c(x) as (select 1 union all select x + 1 from c) select x from c'

describe('what changed', () => {
  const counts = ({
    rowsAffected,
    lastInsertId,
  }: {
    rowsAffected: number
    lastInsertId?: unknown
  }) => [rowsAffected, lastInsertId]

  test('only statements that write count rows, and only inserts give an id', () => {
    expect(counts(db.query("insert into t (v) values ('a'), ('b')"))).toEqual([2, 2])
    expect(counts(db.query("replace into t values (2, 'c')"))).toEqual([1, 2])
    expect(
      counts(db.query('with x as (select 9 as id) insert into t (id) select id from x')),
    ).toEqual([1, 9])
    expect(counts(db.query("insert into t (v) values ('d') returning id"))).toEqual([1, 10])
    expect(counts(db.query("update t set v = 'x' where id < 3"))).toEqual([2, undefined])
    expect(counts(db.query('update t set v = null where id < 3 returning *'))).toEqual([
      2,
      undefined,
    ])
    expect(counts(db.query('select * from t'))).toEqual([0, undefined])
    expect(counts(db.query('explain delete from t'))).toEqual([0, undefined])
    expect(counts(db.query('delete from t where id = 9'))).toEqual([1, undefined])
    expect(counts(db.query('delete from t where false returning id'))).toEqual([0, undefined])
  })

  test('schema statements change no rows', () => {
    db.query("insert into t (v) values ('a'), ('b')")
    for (const sql of [
      'create table copy as select * from t',
      'alter table copy add column n',
      'drop table copy',
      'vacuum',
    ])
      expect(counts(db.query(sql))).toEqual([0, undefined])
  })

  test('an id is not invented where there is none', () => {
    db.query("insert into t values (77, 'a')")
    db.query('create table keyed (k text primary key) without rowid')
    expect(counts(db.query("insert into keyed values ('x')"))).toEqual([1, undefined])
    expect(counts(db.query("insert or ignore into t values (77, 'b')"))).toEqual([0, undefined])
    db.query('create view seen as select * from t')
    db.query(
      'create trigger r instead of insert on seen begin insert into keyed values (new.v); end',
    )
    expect(db.query("insert into seen values (1, 'q')").lastInsertId).toBeUndefined()
  })

  test('an id beyond 2^53 is text', () => {
    expect(db.query('insert into t (id) values (9223372036854775807)').lastInsertId).toBe(
      '9223372036854775807',
    )
  })
})

describe('the schema may change under a known statement', () => {
  const columnsOf = (sql: string) => db.query(sql).columns.map(({ name }) => name)

  test('a new column appears', () => {
    for (let time = 0; time < 3; time += 1)
      expect(columnsOf('select * from t')).toEqual(['id', 'v'])
    db.query('alter table t add column w')
    for (let time = 0; time < 3; time += 1)
      expect(columnsOf('select * from t')).toEqual(['id', 'v', 'w'])
  })

  test('a column whose batch is rolled back disappears', () => {
    const select = 'select * from t'
    failure(() =>
      db.batch([
        'alter table t add column w',
        select,
        select,
        select,
        'insert into nope values (1)',
      ]),
    )
    for (let time = 0; time < 3; time += 1) expect(columnsOf(select)).toEqual(['id', 'v'])
  })

  test('within a batch, later statements see it', () => {
    for (let time = 0; time < 3; time += 1) columnsOf('select * from t')
    const { results } = db.batch(['alter table t add column w', 'select * from t'])
    expect(results[1]?.columns.map(({ name }) => name)).toEqual(['id', 'v', 'w'])
  })

  test('a table made anew with other columns and another key is read rightly', () => {
    const insert = "insert into t values (5, 'x')"
    for (let time = 0; time < 3; time += 1) db.batch([insert, 'delete from t'])
    db.query('drop table t')
    db.query('create table t (k text, v blob, primary key (k)) without rowid')
    expect(db.query(insert).lastInsertId).toBeUndefined()
    expect(db.query('select * from t').rows).toEqual([{ k: '5', v: { $text: 'x' } }])
  })
})

describe('a batch', () => {
  test('takes effect as a whole', () => {
    const { results } = db.batch([
      { sql: 'insert into t (v) values (?)', params: ['a'] },
      { sql: 'insert into t (v) values (:v)', params: { v: 'b' } },
      'select count(*) as n from t',
    ])
    expect(results.map(({ rowsAffected }) => rowsAffected)).toEqual([1, 1, 0])
    expect(results[2]?.rows).toEqual([{ n: 2 }])
  })

  test('takes no effect if one statement fails, and names it', () => {
    const error = failure(() =>
      db.batch(["insert into t (v) values ('a')", 'insert into t values (1, 2)']),
    )
    expect([error.code, error.details.statement]).toEqual(['sql.constraint', 1])
    expect(failure(() => db.batch(['select 1', 'select ?'])).details.statement).toBe(1)
    expect(db.value('select count(*) from t')).toBe(0)
  })

  test('is undone when its end violates a constraint', () => {
    db.query('create table child (t references t deferrable initially deferred)')
    const error = failure(() => db.batch(['insert into child values (1)', 'select 1']))
    expect([error.code, error.details.statement]).toEqual(['sql.constraint', undefined])
    expect(db.value('select count(*) from child')).toBe(0)
    expect(
      db.batch(['insert into child values (1)', 'insert into t default values']).results.length,
    ).toBe(2)
  })

  test('may defer foreign keys by PRAGMA, for itself only', () => {
    db.query('create table child (t references t)')
    db.batch([
      'pragma defer_foreign_keys = on',
      'insert into child values (1)',
      'insert into t default values',
    ])
    expect(failure(() => db.query('insert into child values (99)')).code).toBe('sql.constraint')
  })

  test('cannot end its own transaction', () => {
    for (const sql of ['commit', 'rollback', 'begin', 'savepoint a', 'end'])
      expect(failure(() => db.batch(['insert into t default values', sql])).code).toBe('sql.denied')
    expect(
      failure(() =>
        db.batch(['insert into t values (1, 1)', 'insert or rollback into t values (1, 2)']),
      ).code,
    ).toBe('sql.constraint')
    expect(db.value('select count(*) from t')).toBe(0)
  })

  test('that is read-only refuses to write', () => {
    expect(failure(() => db.batch(['select 1', 'delete from t'], { readOnly: true })).code).toBe(
      'sql.denied',
    )
    expect(db.batch(['select 1'], { readOnly: true }).results.length).toBe(1)
  })

  test('holds no more than one answer may', () => {
    const sql = `select printf('%.*c', 100000, 'x') as x from (${endless}) limit 30`
    const { results } = db.batch([sql, sql, sql])
    expect(results.map(({ truncated }) => truncated)).toEqual([false, true, true])
  })
})
