import { setTimeout as sleep } from 'node:timers/promises'
import type { Link, RemoteError } from '@db-forge/worker-kit/testing/link'
import Database from 'better-sqlite3'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { folderAt } from './folder.ts'
import { temporaryFolder, WorkerProcess } from './testing/worker-process.ts'

const ENDLESS =
  'with recursive c(x) as (select 1 union all select x + 1 from c) select count(*) from c'

const folder = temporaryFolder()
let worker: WorkerProcess
let writer: Link
let reader: Link
let link: Link

beforeAll(async () => {
  worker = await WorkerProcess.start(folder.dir)
  writer = await worker.sql()
  reader = await worker.reader()
  await writer.query('create table t (id integer primary key, v text unique on conflict rollback)')
})
afterAll(async () => {
  await worker.end('SIGKILL')
  folder.remove()
})
beforeEach(async () => {
  link = await worker.sql()
})
afterEach(async () => {
  link.close()
  await writer.query('delete from t')
})

const errorOf = (asked: Promise<unknown>): Promise<string> =>
  asked.then(
    () => 'ok',
    (error: RemoteError) => `${error.error.code}: ${error.error.detail}`,
  )
const insert = (on: Link, id: number, transaction?: number) =>
  on.query('insert into t values (?, ?)', [id, `v${id}`], { transaction })
const ids = async () =>
  (await reader.query('select id from t order by id')).rows.map((row) => (row as never)['id'])

describe('a transaction that writes', () => {
  test('lets other writers wait in order, and those of others know nothing of it', async () => {
    const transaction = await link.begin('write')
    await insert(link, 1, transaction)
    const waiting = [insert(writer, 10), insert(writer, 11)]
    expect(await errorOf(insert(writer, 2, transaction))).toMatch(/^transaction\.not_found/)
    await insert(link, 2, transaction)
    expect(await ids()).toEqual([])
    await link.commit(transaction)
    await Promise.all(waiting)
    expect(await ids()).toEqual([1, 2, 10, 11])
  })

  test('makes a second one wait, and others give up as their deadline passes', async () => {
    const transaction = await link.begin('write')
    const second = writer.begin('write', { timeoutMs: 10_000 })
    const impatient = insert(writer, 20).catch(() => undefined)
    const late = writer.query('insert into t values (21, null)', [], { timeoutMs: 100 })
    expect(await errorOf(late)).toMatch(/^database\.busy/)
    await link.rollback(transaction)
    const number = await second
    expect(number).not.toBe(transaction)
    await writer.rollback(number)
    await impatient
    expect(await ids()).toEqual([20])
  })

  test('lets nobody wait longer than five seconds', async () => {
    const transaction = await link.begin('write', { idleMs: 20_000 })
    const asked = performance.now()
    expect(await errorOf(writer.begin('write'))).toMatch(/^database\.busy/)
    expect(performance.now() - asked).toBeGreaterThan(4900)
    await link.rollback(transaction)
  })

  test('that the engine rolled back has ended and says why', async () => {
    const transaction = await link.begin('write')
    await insert(link, 1, transaction)
    const conflict = link.query("insert into t values (9, 'v1')", [], { transaction })
    expect(await errorOf(conflict)).toMatch(/^sql\.constraint/)
    const after = await errorOf(insert(link, 2, transaction))
    expect(after).toMatch(/^transaction\.ended: .*rolled back by the engine: UNIQUE/)
    await insert(writer, 30)
    expect(await ids()).toEqual([30])
  })

  test('does not outlive a statement of it whose cancel made the engine roll back', async () => {
    const control = await worker.control()
    const transaction = await link.begin('write')
    const long = link.query(
      'insert into t with recursive c(x) as (select 1 union all select x + 1 from c) select x, x from c',
      [],
      { transaction },
    )
    const code = errorOf(long)
    const timer = setInterval(() => control.cancelRunning(link, long.id), 20)
    expect(await code).toMatch(/^query\.cancelled/)
    clearInterval(timer)
    expect(await errorOf(insert(link, 1, transaction))).toMatch(/^transaction\.ended/)
    control.close()
  })

  test('is not a reader’s, nor known where nobody began it', async () => {
    expect(await errorOf(reader.begin('write'))).toMatch(/^request\.invalid/)
    expect(await errorOf(writer.begin('read'))).toMatch(/^request\.invalid/)
    expect(await errorOf(writer.commit(9999))).toMatch(/^transaction\.not_found/)
  })
})

describe('a transaction that reads', () => {
  test('is not idle while its request waits for the thread', async () => {
    const transaction = await reader.begin('read', { idleMs: 200 })
    const long = reader.query(ENDLESS, [], { timeoutMs: 600 })
    await sleep(100)
    const asked = reader.query('select 1 as one', [], { transaction })
    expect(await errorOf(long)).toMatch(/^query\.timeout/)
    expect((await asked).rows).toEqual([{ one: 1 }])
    await reader.rollback(transaction)
  })
})

describe('a stop', () => {
  test('rolls open transactions back', async () => {
    const own = temporaryFolder()
    const stopped = await WorkerProcess.start(own.dir)
    const sql = await stopped.sql()
    await sql.query('create table t (id integer)')
    const transaction = await sql.begin('write')
    await sql.query('insert into t values (1)', [], { transaction })
    const reading = await stopped.reader()
    await reading.begin('read')
    expect(await stopped.end()).toEqual({ code: 0, signal: null })
    const witness = new Database(folderAt(own.dir).database, { readonly: true })
    expect(witness.prepare('select count(*) from t').pluck().get()).toBe(0)
    witness.close()
    own.remove()
  })
})
