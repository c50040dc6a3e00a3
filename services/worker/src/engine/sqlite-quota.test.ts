import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { StartError } from '@db-forge/worker-kit'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { commandOf, EngineUnderTest, failure, RecordedJob } from '../testing/engine.ts'

let db: EngineUnderTest
beforeEach(() => {
  db = new EngineUnderTest()
  db.batch([
    'create table t (id integer primary key, v text)',
    'create table log (what text)',
    'create table child (t references t on delete set null)',
    'create table quiet (a)',
    "create trigger logged after delete on t begin insert into log values ('deleted'); end",
    'create virtual table words using fts5(a)',
    'create virtual table boxes using rtree(id, low, high)',
    "insert into t values (1, 'a')",
    'insert into quiet values (1), (2)',
    "insert into words values ('a')",
    'insert into boxes values (1, 1, 2)',
  ])
})
afterEach(() => db.close())

describe('over the quota', () => {
  beforeEach(() => {
    db.engine.refusal = 'quota'
  })

  test.each([
    "insert into t values (2, 'b')",
    "replace into t values (1, 'b')",
    "insert into t values (3, 'b') returning id",
    "update t set v = 'b'",
    "insert into words values ('b')",
    'insert into boxes values (2, 1, 2)',
    'create table u (a)',
    'create table u as select * from t',
    'create index i on t (v)',
    'create view w as select 1',
    'alter table t add column w',
    'delete from t where id = 1',
  ])('%s is refused', (sql) => {
    const refused = { code: 'quota.exceeded' }
    expect(failure(() => db.query(sql))).toMatchObject(refused)
    expect(failure(() => db.batch(['delete from quiet', sql])).details.statement).toBe(1)
    const transaction = db.engine.beginTransaction('write')
    expect(failure(() => transaction.query(commandOf(sql)))).toMatchObject(refused)
    transaction.rollback()
    const stream = db.engine.openStream({ ...commandOf(sql), format: 'csv', credit: 0 })
    expect(failure(() => stream.next(1000))).toMatchObject(refused)
    stream.close()
    expect(db.value('select count(*) from quiet')).toBe(2)
  })

  test.each([
    'delete from quiet',
    'delete from quiet where a = 1 returning a',
    'delete from words',
    'delete from boxes',
    'drop table t',
    'drop table words',
    'drop trigger logged',
    'vacuum',
    'select * from t',
    'pragma user_version = 1',
  ])('%s is run', (sql) => {
    expect(db.query(sql).truncated).toBe(false)
  })

  test('a delete that only sets references to null is run', () => {
    db.query('drop trigger logged')
    expect(db.query('delete from t').rowsAffected).toBe(1)
  })

  test('what grew before grows again once there is room', () => {
    db.engine.refusal = null
    expect(db.query("insert into t values (2, 'b')").rowsAffected).toBe(1)
  })
})

describe('a checkpoint', () => {
  const walBytes = () => statSync(`${db.path}-wal`).size

  test('empties the write-ahead log, unless a reader needs it, for whom it does not wait', () => {
    const insert = () => db.query("insert into log values (printf('%.*c', 100000, 'x'))")
    insert()
    expect(walBytes()).toBeGreaterThan(100_000)
    db.engine.checkpoint()
    expect(walBytes()).toBe(0)
    insert()
    const reading = db.reader.beginTransaction('read')
    insert()
    db.engine.checkpoint()
    expect(walBytes()).toBeGreaterThan(100_000)
    reading.rollback()
    db.engine.checkpoint()
    expect(walBytes()).toBe(0)
    expect(db.query('select * from log').rows.length).toBe(3)
  })

  test('is not made within a transaction', () => {
    const transaction = db.engine.beginTransaction('write')
    transaction.query(commandOf('delete from quiet'))
    db.engine.checkpoint()
    transaction.commit()
    expect(db.value('select count(*) from quiet')).toBe(0)
  })
})

describe('a file that is broken', () => {
  const breakFrom = (at: number) => {
    db.query("insert into log select printf('%.*c', 200000, 'x')")
    db.engine.checkpoint()
    writeFileSync(db.path, readFileSync(db.path).fill(0xff, at))
  }

  test('is opened anew once it has shown, and the next request is asked of what is left', () => {
    breakFrom(4096)
    const before = db.engine.connection
    expect(failure(() => db.query('select length(what) from log')).code).toBe('database.failed')
    expect(db.engine.connection).not.toBe(before)
    expect(db.value('select 1')).toBe(1)
    expect(db.query('select name from sqlite_schema').rows.length).toBeGreaterThan(5)
  })

  test('and cannot be opened any more leaves the engine unfit', () => {
    breakFrom(0)
    const job = new RecordedJob(commandOf('select * from log'))
    expect(() => db.engine.queries([job])).toThrow(StartError)
    expect(job.error).toMatchObject({ code: 'database.failed' })
  })
})
