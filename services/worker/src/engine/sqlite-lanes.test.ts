import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { commandOf, EngineUnderTest, failure, RecordedJob } from '../testing/engine.ts'

let db: EngineUnderTest
beforeEach(() => {
  db = new EngineUnderTest()
  db.query('create table t (id integer primary key, v text)')
  db.query("insert into t values (1, 'a')")
  db.query('create virtual table words using fts5(a)')
  db.query('create virtual table boxes using rtree(id, low, high)')
})
afterEach(() => db.close())

const onReader = (sql: string, options: object = {}) =>
  db.job(db.reader, commandOf(sql, [], options))
const guessed = (sql: string) => db.job(db.engine, commandOf(sql, [], { guess: true }))

const READS = [
  'select * from t',
  'values (1)',
  'with x as (select 1) select * from x',
  'explain delete from t',
  'explain query plan insert into t values (2, 2)',
  'pragma table_info(t)',
  'pragma user_version',
  'pragma integrity_check',
  'pragma foreign_keys = on',
  "select * from words where words match 'x'",
  'select * from boxes where low < 5',
]

const WRITES = [
  "insert into t values (2, 'b')",
  "insert into t values (3, 'b') returning id",
  "with x as (select 4 as id) insert into t select id, 'c' from x",
  "update t set v = 'b'",
  'delete from t where id > 5',
  "replace into t values (2, 'b')",
  "insert into words values ('x')",
  'insert into boxes values (1, 1, 2)',
  'delete from boxes',
  'create table u (a)',
  'create index i on t (v)',
  'create view w as select 1',
  'create virtual table x using fts5(a)',
  'alter table t add column w',
  'drop table words',
  'pragma user_version = 7',
  'pragma optimize',
  'pragma defer_foreign_keys = on',
  'vacuum',
  'reindex',
  'analyze',
  'explain create table u (a)',
  'explain pragma user_version = 7',
]

describe('a reader', () => {
  test.each(READS)('runs %s', (sql) => {
    expect(onReader(sql).told).toEqual(['begin', 'end', 'succeed'])
    expect(onReader(sql, { readOnly: true }).told.at(-1)).toBe('succeed')
  })

  test.each(WRITES)('sends %s back', (sql) => {
    const before = db.text('select * from t')
    expect(onReader(sql).told).toEqual(['begin', 'end', 'misplaced'])
    expect(onReader(sql, { readOnly: true }).error).toMatchObject({ code: 'sql.denied' })
    expect(JSON.parse(db.text('select * from t')).rows).toEqual(JSON.parse(before).rows)
  })

  test.each(['attach ? as x', 'begin', "vacuum into 'x'", 'pragma journal_mode = off'])(
    'refuses %s, as the writer would',
    (sql) => expect(onReader(sql).error).toMatchObject({ code: 'sql.denied' }),
  )

  test('sees what was committed, also where the columns have changed since', () => {
    const rows = () => JSON.parse(onReader('select * from t').text()).rows
    for (let time = 0; time < 3; time += 1) expect(rows()).toEqual([{ id: 1, v: 'a' }])
    db.batch(['alter table t add column w default 5', "update t set v = 'b'"])
    expect(rows()).toEqual([{ id: 1, v: 'b', w: 5 }])
  })

  test('reads what waited together from one snapshot, and what comes later from another', () => {
    const counts = () => {
      const count = () =>
        new RecordedJob(commandOf('select count(*) as n from t'), (_, what) => {
          if (what === 'succeed') db.query('insert into t default values')
        })
      const jobs = [count(), count(), count()]
      db.reader.queries(jobs)
      return jobs.map((job) => JSON.parse(job.text()).rows[0].n)
    }
    expect(counts()).toEqual([1, 1, 1])
    expect(counts()).toEqual([4, 4, 4])
  })

  test('has a connection that could not write if it were let', () => {
    expect(() => db.reader).not.toThrow()
    const witness = db.witness()
    expect(() => witness.exec('delete from t')).toThrow('readonly')
    witness.close()
  })

  test('describes the schema', () => {
    const text = db.reader.describe({ table: 't', counts: true }, 1000)
    expect(JSON.parse(text as string).tables[0]).toMatchObject({ name: 't', rowCount: 1 })
  })
})

describe('the writer, when the gateway guesses', () => {
  test.each(READS)('sends %s back', (sql) => {
    expect(guessed(sql).told).toEqual(['begin', 'end', 'misplaced'])
  })

  test.each(WRITES)('runs %s', (sql) => {
    expect(guessed(sql).told).toEqual(['begin', 'end', 'succeed'])
  })

  test('runs what only reads if it is no guess', () => {
    expect(db.query('select * from t').rows.length).toBe(1)
  })
})

describe('a batch', () => {
  test('that reads sees one snapshot, and may not write', () => {
    const read = { transaction: 'read' }
    expect(db.batchOn(db.reader, ['select 1', 'select * from t'], read).results.length).toBe(2)
    const error = failure(() => db.batchOn(db.reader, ['select 1', 'delete from t'], read))
    expect([error.code, error.details.statement]).toEqual(['sql.denied', 1])
    expect(failure(() => db.batch(['delete from t'], read)).code).toBe('sql.denied')
  })

  test('without a transaction keeps what came before the statement that failed', () => {
    const error = failure(() =>
      db.batch(
        [
          "insert into t values (2, 'b')",
          "insert into t values (1, 'x')",
          "insert into t values (3, 'c')",
        ],
        { transaction: 'none' },
      ),
    )
    expect([error.code, error.details.statement]).toEqual(['sql.constraint', 1])
    expect(db.query('select id from t', [], { rowFormat: 'array' }).rows).toEqual([[1], [2]])
    expect(db.batch(['vacuum', 'select 1'], { transaction: 'none' }).results.length).toBe(2)
  })
})
