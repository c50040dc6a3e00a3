import { describe, expect, test } from 'vitest'
import { failure } from './testing/failure.ts'
import { sharedWorker } from './testing/shared-worker.ts'
import { unavailable } from './testing/worker-process.ts'

describe.skipIf(unavailable())('interactive transactions', () => {
  const db = sharedWorker()

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
