import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { failure } from './testing/failure.ts'
import { sharedWorker } from './testing/shared-worker.ts'
import { unavailable } from './testing/worker-process.ts'

describe.skipIf(unavailable())('interactive transactions', () => {
  const db = sharedWorker()

  test('commit keeps, rollback does not, and others see it only then', async () => {
    await db.link.query('create table t (i int primary key)')
    const one = await db.link.begin('write')
    await db.link.query('insert into t values (1)', [], { transaction: one })
    expect(await db.value('select count(*) from t')).toBe(0)
    await db.link.commit(one)
    expect(await db.value('select count(*) from t')).toBe(1)
    const two = await db.link.begin('write')
    await db.link.query('insert into t values (2)', [], { transaction: two })
    await db.link.rollback(two)
    expect(await db.value('select count(*) from t')).toBe(1)
    expect(await failure(db.link.commit(two))).toMatchObject({
      code: 'transaction.ended',
      detail: 'rolled back',
    })
    expect((await failure(db.link.commit(999))).code).toBe('transaction.not_found')
  })

  test('what fails is undone alone, also by its deadline', async () => {
    await db.link.query('create table u (i int primary key)')
    const transaction = await db.link.begin('write')
    const inside = { transaction }
    await db.link.query('insert into u values (1)', [], inside)
    expect((await failure(db.link.query('insert into u values (1)', [], inside))).code).toBe(
      'sql.constraint',
    )
    const slow = db.link.query('select pg_sleep(30)', [], { transaction, timeoutMs: 200 })
    expect((await failure(slow)).code).toBe('query.timeout')
    await db.link.query('insert into u values (2)', [], inside)
    await db.link.commit(transaction)
    expect(await db.value('select array_agg(i)::text from u')).toBe('{1,2}')
  })

  test('savepoints of the tenant’s own work', async () => {
    await db.link.query('create table s (i int)')
    const transaction = await db.link.begin('write')
    const run = (sql: string) => db.link.query(sql, [], { transaction })
    for (const sql of [
      'insert into s values (1)',
      'savepoint a',
      'insert into s values (2)',
      'rollback to a',
      'insert into s values (3)',
      'release a',
    ])
      await run(sql)
    expect((await failure(run('rollback to nowhere'))).code).toBe('sql.error')
    expect((await failure(run('commit'))).code).toBe('sql.denied')
    await db.link.commit(transaction)
    expect(await db.value('select array_agg(i)::text from s')).toBe('{1,3}')
  })

  test('read: one snapshot, and nothing is written', async () => {
    await db.link.query('create table r (i int)')
    const transaction = await db.link.begin('read')
    await db.link.query('insert into r values (1)')
    expect(await db.value('select count(*) from r', [], { transaction })).toBe(0)
    expect(
      (await failure(db.link.query('insert into r values (1)', [], { transaction }))).code,
    ).toBe('sql.denied')
    await db.link.commit(transaction)
  })

  test('left alone, or too long, it is rolled back and says why; its locks are gone', async () => {
    await db.link.query('create table locked (i int)')
    const idle = await db.link.begin('write', { idleMs: 150 })
    await db.link.query('lock table locked', [], { transaction: idle })
    await db.link.query('insert into locked values (1)')
    expect(await failure(db.link.query('select 1', [], { transaction: idle }))).toMatchObject({
      code: 'transaction.ended',
      detail: 'rolled back after 150 ms without a request',
    })
    const long = await db.link.begin('write', { timeoutMs: 300 })
    const runs = failure(db.link.query('select pg_sleep(30)', [], { transaction: long }))
    expect((await runs).code).toBe('query.timeout')
    await sleep(50)
    expect((await failure(db.link.commit(long))).detail).toBe('rolled back at its time limit')
  })

  test('it belongs to its connection, and ends with it', async () => {
    await db.link.query('create table held (i int)')
    const other = await db.worker.sql()
    const transaction = await other.begin('write')
    await other.query('lock table held', [], { transaction })
    expect((await failure(db.link.query('select 1', [], { transaction }))).code).toBe(
      'transaction.not_found',
    )
    other.close()
    await db.link.query('insert into held values (1)')
  })

  test('there are only so many', async () => {
    const open = await Promise.all(Array.from({ length: 4 }, () => db.link.begin('write')))
    expect((await failure(db.link.begin('write'))).code).toBe('database.busy')
    for (const transaction of open) await db.link.rollback(transaction)
    await db.link.rollback(await db.link.begin('write'))
  })

  test('a commit that a deferred constraint refuses ends it', async () => {
    await db.link.query('create table p (id int primary key)')
    await db.link.query('create table c (p int references p deferrable initially deferred)')
    const transaction = await db.link.begin('write')
    await db.link.query('insert into c values (7)', [], { transaction })
    expect((await failure(db.link.commit(transaction))).code).toBe('sql.constraint')
    expect((await failure(db.link.rollback(transaction))).code).toBe('transaction.ended')
  })
})
