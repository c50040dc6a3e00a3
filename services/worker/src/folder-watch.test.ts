import { setTimeout as sleep } from 'node:timers/promises'
import { codeOf, type Link } from '@db-forge/worker-kit/testing/link'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { folderBytesMax } from './folder-watch.ts'
import { temporaryFolder, WorkerProcess } from './testing/worker-process.ts'

const MAX_SIZE_MB = 8
const ROW_BYTES = 100_000
/** Sorts without end, on disk. */
const SPILL = `with recursive c(x) as (select 1 union all select x + 1 from c)
  select x from c order by randomblob(10000)`

let folder: ReturnType<typeof temporaryFolder>
let worker: WorkerProcess
let control: Link
let writer: Link
let reader: Link

beforeEach(async () => {
  folder = temporaryFolder()
  worker = await WorkerProcess.start(folder.dir, { DBFORGE_MAX_SIZE_MB: String(MAX_SIZE_MB) })
  control = await worker.control()
  writer = await worker.sql()
  reader = await worker.reader()
  await writer.query('create table t (id integer primary key, v blob)')
  await writer.query('create table other (v)')
})
afterEach(async () => {
  await worker.end('SIGKILL')
  folder.remove()
})

const kinds = () => control.notices.map(({ kind }) => kind)
const write = (id: number) =>
  writer.query(`insert or replace into t values (?, randomblob(${ROW_BYTES}))`, [id])

/** Writes the same few rows again and again, which makes the log grow and the data not. */
async function growLog(until: () => Promise<boolean> | boolean): Promise<string> {
  for (let round = 0; round < 5000; round += 1) {
    const code = await codeOf(write(round % 20))
    if (code !== 'ok') return code
    if (round % 50 === 0 && (await until())) return code
  }
  throw new Error('the log did not grow')
}

describe('a query that spills without end', () => {
  test.each([
    ['in a reader', () => reader],
    ['in the writer', () => writer],
  ])('%s is ended when the folder is full, and its files are gone', async (_, on) => {
    expect(await codeOf(on().query(SPILL, [], { timeoutMs: 60_000 }))).toBe('quota.exceeded')
    await expect.poll(async () => (await control.health()).overQuota, { timeout: 5000 }).toBe(false)
    const { diskBytes, tempBytes } = await control.health()
    expect([diskBytes < folderBytesMax(MAX_SIZE_MB), tempBytes]).toEqual([true, 0])
    expect(await codeOf(write(1))).toBe('ok')
    await expect.poll(kinds).toEqual(['quota.exceeded', 'quota.ok'])
  })

  test('is seen in health while it spills', async () => {
    const spilling = reader.query(SPILL, [], { timeoutMs: 60_000 })
    const code = codeOf(spilling)
    await expect
      .poll(async () => (await control.health()).tempBytes, { interval: 5, timeout: 10_000 })
      .toBeGreaterThan(1_000_000)
    expect(await code).toBe('quota.exceeded')
  })
})

describe('a snapshot that is kept for long', () => {
  test('lets the log grow, which is told of, and then stops what grows but not what deletes', {
    timeout: 60_000,
  }, async () => {
    await write(1)
    const stream = reader.stream('select id, v from t union all select id, v from t', {
      credit: 1000,
    })
    const snapshot = await reader.begin('read', { idleMs: 60_000, timeoutMs: 60_000 })
    await growLog(() => kinds().includes('wal.large'))
    expect((await control.health()).walBytes).toBeGreaterThan(64 * 1024 * 1024)
    await expect.poll(() => stream.notices.map(({ kind }) => kind)).toContain('wal.large')
    stream.cancel()
    expect(await growLog(() => false)).toBe('quota.exceeded')
    await expect.poll(kinds).toContain('quota.exceeded')
    expect(await codeOf(writer.query('create table more (a)'))).toBe('quota.exceeded')
    expect(await codeOf(writer.query('delete from t where id = 1'))).toBe('ok')
    expect(await codeOf(writer.query('drop table other'))).toBe('ok')
    expect(await codeOf(reader.query('select count(*) from t'))).toBe('ok')
    await reader.commit(snapshot)
    await expect
      .poll(kinds, { timeout: 10_000 })
      .toEqual(expect.arrayContaining(['quota.ok', 'wal.ok']))
    expect(await codeOf(write(1))).toBe('ok')
    expect((await control.health()).walBytes).toBeLessThan(16 * 1024 * 1024)
  })
})

describe('the quota of the data', () => {
  test('is met by what grows; deleting and dropping make room', async () => {
    let code = 'ok'
    for (let id = 0; code === 'ok' && id < 1000; id += 1) code = await codeOf(write(id))
    expect(code).toBe('quota.exceeded')
    expect(await codeOf(writer.query('delete from t where id < 20'))).toBe('ok')
    expect(await codeOf(write(1))).toBe('ok')
    expect(await codeOf(writer.query('drop table t'))).toBe('ok')
    expect(await codeOf(writer.query('create table u (a)'))).toBe('ok')
    expect((await control.health()).overQuota).toBe(false)
  })
})

describe('an idle worker', () => {
  test('is not kept awake', async () => {
    await reader.query('select 1')
    await sleep(3000)
    const before = (await control.health()).cpuSeconds
    await sleep(2000)
    expect((await control.health()).cpuSeconds - before).toBeLessThan(0.1)
  })
})
