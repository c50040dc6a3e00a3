import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { ENDLESS, type Subject } from './contract-subject.ts'
import { type Link, RemoteError } from './link.ts'

/** `ok`, or the code and detail of the error. */
const endOf = (asked: Promise<unknown>): Promise<string> =>
  asked.then(
    () => 'ok',
    (error: unknown) => {
      if (!(error instanceof RemoteError)) throw error
      return `${error.error.code}: ${error.error.detail}`
    },
  )

export function transactionContract(subject: Subject): void {
  let link: Link
  beforeAll(async () => {
    await subject.writer.query('create table acts (id bigint primary key)')
  })
  beforeEach(async () => {
    link = await subject.worker.sql()
  })
  afterEach(async () => {
    link.close()
    await subject.writer.query('delete from acts')
  })

  const insert = (on: Link, id: number, transaction?: number) =>
    on.query(`insert into acts (id) values (${subject.dialect.mark(1)})`, [id], { transaction })
  const ids = async () => {
    const { rows } = await subject.reader.query('select id from acts order by id', [], {
      rowFormat: 'array',
    })
    return rows.flat()
  }

  test('what is done in one is seen by others once it is committed', async () => {
    const transaction = await link.begin('write')
    await insert(link, 1, transaction)
    await insert(link, 2, transaction)
    const own = await link.query('select count(*) as n from acts', [], { transaction })
    expect(own.rows).toEqual([{ n: 2 }])
    expect(await ids()).toEqual([])
    expect(await link.commit(transaction)).toEqual({})
    expect(await ids()).toEqual([1, 2])
    expect(await endOf(insert(link, 3, transaction))).toMatch(/^transaction\.ended: .*committed/)
  })

  test('nothing is left of one that is rolled back', async () => {
    const transaction = await link.begin('write')
    await insert(link, 1, transaction)
    expect(await link.rollback(transaction)).toEqual({})
    expect(await ids()).toEqual([])
    expect(await endOf(link.commit(transaction))).toMatch(/^transaction\.ended: .*rolled back/)
  })

  test('one goes on after a statement that failed, without what that did', async () => {
    const transaction = await link.begin('write')
    await insert(link, 1, transaction)
    const many = link.query('insert into acts (id) values (5), (1)', [], { transaction })
    expect(await endOf(many)).toMatch(/^sql\.constraint/)
    expect(await endOf(link.query('select * fro t', [], { transaction }))).toMatch(/^sql\.error/)
    await insert(link, 2, transaction)
    await link.commit(transaction)
    expect(await ids()).toEqual([1, 2])
  })

  test('one is begun and ended by requests of their own', async () => {
    const transaction = await link.begin('write')
    for (const sql of ['begin', 'commit', 'rollback'])
      expect(await endOf(link.query(sql, [], { transaction }))).toMatch(/^sql\.denied/)
    await insert(link, 1, transaction)
    await link.commit(transaction)
    expect(await ids()).toEqual([1])
  })

  test('one is known on its own connection alone, and ends with it', async () => {
    const { writer } = subject
    const transaction = await link.begin('write')
    await insert(link, 1, transaction)
    expect(await endOf(insert(writer, 2, transaction))).toMatch(/^transaction\.not_found/)
    expect(await endOf(writer.commit(transaction))).toMatch(/^transaction\.not_found/)
    expect(await endOf(link.commit(999_999))).toMatch(/^transaction\.not_found/)
    link.close()
    // Waits for whatever that one had locked.
    await insert(writer, 1)
    expect(await ids()).toEqual([1])
  })

  test('one is rolled back after its time without a request, which each request begins anew', async () => {
    const transaction = await link.begin('write', { idleMs: 400 })
    for (const id of [1, 2, 3]) {
      await sleep(200)
      await insert(link, id, transaction)
    }
    await insert(subject.writer, 1)
    expect(await endOf(insert(link, 4, transaction))).toMatch(
      /^transaction\.ended: .*rolled back after 400 ms without a request/,
    )
    expect(await ids()).toEqual([1])
  })

  test('one is rolled back at its time limit, whatever it does', async () => {
    const transaction = await link.begin('write', { timeoutMs: 500 })
    await insert(link, 1, transaction)
    expect(await endOf(link.query(ENDLESS, [], { transaction }))).toMatch(/^query\.timeout/)
    await expect
      .poll(() => endOf(insert(link, 2, transaction)))
      .toMatch(/^transaction\.ended: .*rolled back at its time limit/)
    expect(await ids()).toEqual([])
  })

  test('one that reads sees what there was as it began, and changes nothing', async () => {
    const { reader, writer } = subject
    const transaction = await reader.begin('read')
    await insert(writer, 60)
    const count = (of?: number) =>
      reader.query('select count(*) as n from acts', [], { transaction: of })
    expect((await count(transaction)).rows).toEqual([{ n: 0 }])
    expect((await count()).rows).toEqual([{ n: 1 }])
    const write = reader.query('delete from acts', [], { transaction })
    expect(await endOf(write)).toMatch(/^sql\.denied/)
    expect((await count(transaction)).rows).toEqual([{ n: 0 }])
    await reader.commit(transaction)
    expect(await endOf(count(transaction))).toMatch(/^transaction\.ended/)
  })

  test('there are only so many that read at once', async () => {
    const { reader } = subject
    const open = await Promise.all([1, 2, 3, 4].map(() => reader.begin('read')))
    expect(await endOf(reader.begin('read'))).toMatch(/^database\.busy/)
    for (const transaction of open) await reader.rollback(transaction)
    await reader.rollback(await reader.begin('read'))
  })
}
