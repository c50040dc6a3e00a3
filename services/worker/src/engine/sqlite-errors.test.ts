import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { commandOf, EngineUnderTest, failure } from '../testing/engine.ts'
import { SqliteEngine } from './sqlite.ts'

let db: EngineUnderTest
beforeEach(() => {
  db = new EngineUnderTest()
  db.query('create table t (id integer primary key, v text)')
})
afterEach(() => db.close())

describe('failures', () => {
  test.each([
    ['select * from nope', 'sql.error', 'SQLITE_ERROR', 14],
    ['select nope from t', 'sql.error', 'SQLITE_ERROR', 7],
    ['select nope(1)', 'sql.error', 'SQLITE_ERROR', 7],
    ['select * fro t', 'sql.error', 'SQLITE_ERROR', 9],
    ['select 1,, 2', 'sql.error', 'SQLITE_ERROR', 9],
    ["select '日本語', nope from t", 'sql.error', 'SQLITE_ERROR', 14],
    ['select 1 from t as nope, Nope', 'sql.error', 'SQLITE_ERROR', undefined],
    ["select ',', (1, 2), a from t where ) group by (1, 2)", 'sql.error', 'SQLITE_ERROR', 35],
    ['select id from t, t as u', 'sql.error', 'SQLITE_ERROR', 7],
    ["select 'abc", 'sql.error', 'SQLITE_ERROR', 7],
    ['select (1', 'sql.error', 'SQLITE_ERROR', 9],
    [
      "insert into t values (1, 'a'), (1, 'b')",
      'sql.constraint',
      'SQLITE_CONSTRAINT_PRIMARYKEY',
      undefined,
    ],
    ['select abs(-9223372036854775808)', 'sql.error', 'SQLITE_ERROR', undefined],
    ['select zeroblob(2000000000)', 'sql.error', 'SQLITE_TOOBIG', undefined],
  ])('%s fails with %s', (sql, code, sqlCode, offset) => {
    const error = failure(() => db.query(sql))
    expect([error.code, error.details.sqlCode, error.details.position?.offset]).toEqual([
      code,
      sqlCode,
      offset,
    ])
  })

  test('a text holds exactly one statement', () => {
    expect(failure(() => db.query('select 1; select 2')).code).toBe('sql.multiple')
    for (const sql of ['', '  ', ';', '-- nothing', '/* nothing'])
      expect(failure(() => db.query(sql)).message).toBe('there is no statement in the text')
  })

  test('a read-only request cannot write', () => {
    const readOnly = { readOnly: true }
    for (const sql of [
      'insert into t default values',
      'delete from t returning id',
      'create table u (a)',
      'create temp table u (a)',
      'drop table t',
      'vacuum',
      'analyze',
      'reindex',
      'pragma user_version = 3',
      'pragma optimize',
      'with x as (select 1) delete from t',
    ])
      expect([sql, failure(() => db.query(sql, [], readOnly)).code]).toEqual([sql, 'sql.denied'])
    for (const sql of [
      'select * from t',
      'explain delete from t',
      'pragma table_info(t)',
      'values (1)',
    ])
      expect(db.query(sql, [], readOnly).rows).toBeInstanceOf(Array)
  })

  test('a full database refuses to grow, and can be emptied', () => {
    const small = new EngineUnderTest(1)
    small.query('create table blobs (b)')
    const fill = () => small.query('insert into blobs values (zeroblob(100000))')
    const error = failure(() => {
      for (let row = 0; row < 20; row += 1) fill()
    })
    expect([error.code, error.details.sqlCode]).toEqual(['quota.exceeded', 'SQLITE_FULL'])
    small.query('delete from blobs')
    expect(fill().rowsAffected).toBe(1)
    small.query('drop table blobs')
    small.close()
  })

  test('a broken file is the failure of the database, not of the statement', () => {
    const path = `${db.path}.broken`
    const whole = new Database(db.path)
    whole.pragma('wal_checkpoint(truncate)')
    whole.close()
    copyFileSync(db.path, path)
    const bytes = readFileSync(path)
    writeFileSync(path, bytes.fill(0x5a, 4096))
    const broken = new SqliteEngine({ path, maxSizeMb: 64, memoryMb: 64, role: 'writer' })
    const error = failure(() => db.job(broken, commandOf('select v from t')).text())
    expect([error.code, error.details.sqlCode]).toEqual(['database.failed', 'SQLITE_CORRUPT'])
    broken.close()
  })

  test('an error while rows are read leaves the connection free', () => {
    db.query("insert into t values (1, '1'), (2, 'x')")
    expect(failure(() => db.query("select json(v) from t where v > '' order by id")).code).toBe(
      'sql.error',
    )
    expect(db.query('insert into t default values').rowsAffected).toBe(1)
  })
})
