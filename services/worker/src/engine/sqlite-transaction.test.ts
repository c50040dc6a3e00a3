import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { commandOf, EngineUnderTest, failure, textOf } from '../testing/engine.ts'
import { type EngineTransaction, Interrupted } from './engine.ts'
import { interruptOnce } from './sqlite-interrupt.ts'

let db: EngineUnderTest
beforeEach(() => {
  db = new EngineUnderTest()
  db.batch([
    'create table t (id integer primary key, v text unique)',
    'create table child (t references t deferrable initially deferred)',
    "insert into t values (1, 'one')",
  ])
})
afterEach(() => db.close())

const REQUEST = 77

function ask(transaction: EngineTransaction, sql: string, params: unknown = [], options = {}) {
  transaction.begin(REQUEST)
  try {
    const payload = transaction.query(commandOf(sql, params, { rowFormat: 'array', ...options }))
    return JSON.parse(textOf(payload))
  } finally {
    transaction.end()
  }
}

const count = (transaction: EngineTransaction) =>
  ask(transaction, 'select count(*) from t').rows[0][0]
const committed = () => {
  const witness = db.witness()
  const value = witness.prepare('select count(*) from t').pluck().get()
  witness.close()
  return value
}

describe('a transaction that writes', () => {
  test('is seen by others once it is committed', () => {
    const transaction = db.engine.beginTransaction('write')
    expect(ask(transaction, "insert into t (v) values ('two')")).toMatchObject({
      rowsAffected: 1,
      lastInsertId: 2,
    })
    expect(count(transaction)).toBe(2)
    expect(committed()).toBe(1)
    expect(transaction.open).toBe(true)
    transaction.commit()
    expect(transaction.open).toBe(false)
    expect(committed()).toBe(2)
    expect(db.query("insert into t (v) values ('three')").rowsAffected).toBe(1)
  })

  test('leaves nothing when it is rolled back, not even what was learnt of the schema', () => {
    const columns = () => db.query('select * from t').columns.length
    for (let time = 0; time < 3; time += 1) expect(columns()).toBe(2)
    const transaction = db.engine.beginTransaction('write')
    ask(transaction, 'alter table t add column w')
    for (let time = 0; time < 3; time += 1)
      expect(ask(transaction, 'select * from t').columns.length).toBe(3)
    transaction.rollback()
    transaction.rollback()
    expect(transaction.open).toBe(false)
    for (let time = 0; time < 3; time += 1) expect(columns()).toBe(2)
    expect(failure(() => ask(transaction, 'select 1')).code).toBe('transaction.ended')
    expect(failure(() => transaction.commit()).code).toBe('transaction.ended')
  })

  test('goes on after a statement that failed, which is undone alone', () => {
    const transaction = db.engine.beginTransaction('write')
    ask(transaction, "insert into t (v) values ('two')")
    for (const sql of [
      "insert into t (v) values ('three'), ('one')",
      'insert into nope values (1)',
      'selec',
      'commit',
      'savepoint a',
      "insert into t (v) select v || abs(-9223372036854775807 - id) from t where id = 1 or v = 'two'",
    ])
      expect(failure(() => ask(transaction, sql)).code).toMatch(/^sql\./)
    expect(count(transaction)).toBe(2)
    transaction.commit()
    expect(committed()).toBe(2)
  })

  test('is over where the statement that failed took it with it', () => {
    const transaction = db.engine.beginTransaction('write')
    ask(transaction, "insert into t (v) values ('two')")
    const sql = "insert or rollback into t (v) values ('one')"
    expect(failure(() => ask(transaction, sql)).code).toBe('sql.constraint')
    expect(transaction.open).toBe(false)
    expect(failure(() => ask(transaction, 'select 1')).code).toBe('transaction.ended')
    transaction.rollback()
    expect(db.query("insert into t (v) values ('again')").rowsAffected).toBe(1)
    expect(committed()).toBe(2)
  })

  test('is not disturbed by anything else, which waits for its end', () => {
    const command = commandOf("insert into t (v) values ('three')")
    const stream = db.engine.openStream({ ...command, format: 'csv', credit: 0 })
    const transaction = db.engine.beginTransaction('write')
    ask(transaction, "insert into t (v) values ('two')")
    for (const other of [
      () => db.query('select 1'),
      () => db.batch(['select 1']),
      () => db.engine.beginTransaction('write'),
      () => stream.next(1000),
    ])
      expect(other).toThrow('a transaction that writes is open')
    db.engine.checkpoint()
    transaction.commit()
    expect(committed()).toBe(2)
    expect(stream.next(1000)).toBe(null)
    stream.close()
    expect(committed()).toBe(3)
  })

  test('whose commit fails may be mended', () => {
    const transaction = db.engine.beginTransaction('write')
    ask(transaction, 'insert into child values (5)')
    expect(failure(() => transaction.commit()).code).toBe('sql.constraint')
    expect(transaction.open).toBe(true)
    ask(transaction, "insert into t values (5, 'five')")
    transaction.commit()
    expect(committed()).toBe(2)
  })

  test('refuses to write where a request is read-only', () => {
    const transaction = db.engine.beginTransaction('write')
    const denied = () => ask(transaction, 'delete from t', [], { readOnly: true })
    expect(failure(denied).code).toBe('sql.denied')
    transaction.rollback()
  })

  test('an interrupt between requests harms nothing', () => {
    const transaction = db.engine.beginTransaction('write')
    ask(transaction, "insert into t (v) values ('two')")
    expect(interruptOnce(transaction.connection, REQUEST)).toBe(true)
    transaction.begin(REQUEST)
    expect(interruptOnce(transaction.connection, REQUEST)).toBe(false)
    expect(failure(() => transaction.query(commandOf('delete from t')))).toBeInstanceOf(Interrupted)
    transaction.end()
    expect(count(transaction)).toBe(2)
    transaction.commit()
    expect(committed()).toBe(2)
  })
})

describe('a transaction that reads', () => {
  test('sees what was there when it began, while others read and write', () => {
    const transaction = db.reader.beginTransaction('read')
    db.query("insert into t (v) values ('two')")
    expect(count(transaction)).toBe(1)
    expect(db.job(db.reader, commandOf('select id from t')).text()).toContain('"id":2')
    expect(count(transaction)).toBe(1)
    transaction.commit()
    const next = db.reader.beginTransaction('read')
    expect(count(next)).toBe(2)
    next.rollback()
  })

  test('refuses to write and goes on', () => {
    const transaction = db.reader.beginTransaction('read')
    expect(failure(() => ask(transaction, 'delete from t')).code).toBe('sql.denied')
    expect(count(transaction)).toBe(1)
    transaction.commit()
  })

  test('is one of a few, and gives its connection back', () => {
    const open = Array.from({ length: 4 }, () => db.reader.beginTransaction('read'))
    expect(new Set(open.map(({ connection }) => connection)).size).toBe(4)
    expect(failure(() => db.reader.beginTransaction('read')).code).toBe('database.busy')
    for (const transaction of open) {
      transaction.begin(REQUEST)
      transaction.rollback()
      transaction.end()
      expect(interruptOnce(transaction.connection, REQUEST)).toBe(true)
    }
    for (let time = 0; time < 20; time += 1) db.reader.beginTransaction('read').commit()
    expect(db.reader.beginTransaction('read').open).toBe(true)
  })
})
