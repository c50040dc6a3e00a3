import type { ConfigureCommand } from '@db-forge/contract/wire'
import { FrameType } from '@db-forge/contract/wire/frame'
import { codeOf, type Link } from '@db-forge/worker-kit/testing/link'
import { SmallVolume, volumeAbsence } from '@db-forge/worker-kit/testing/small-volume'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { temporaryFolder, WorkerProcess } from './testing/worker-process.ts'

const MB = 1024 * 1024
const ROW_BYTES = 100_000

let worker: WorkerProcess
let control: Link
let writer: Link
let reader: Link

async function open(dir: string): Promise<void> {
  worker = await WorkerProcess.start(dir, { DBFORGE_MAX_SIZE_MB: '4' })
  control = await worker.control()
  writer = await worker.sql()
  reader = await worker.reader()
}

const configure = (changes: Partial<ConfigureCommand> = {}) =>
  control.request(FrameType.configure, {
    term: 1,
    maxSizeMb: 4,
    readOnly: null,
    databaseName: 'shop',
    sessionQueryTimeoutMs: 0,
    ...changes,
  })

const insert = () => codeOf(writer.query(`insert into t (v) values (randomblob(${ROW_BYTES}))`))
const count = async () => {
  const { rows } = await reader.query('select count(*) from t', [], { rowFormat: 'array' })
  return (rows[0] as unknown[])[0]
}

/** @returns how many rows were acknowledged, and what ended that. */
async function insertUntilRefused(most = 1000): Promise<{ rows: number; code: string }> {
  for (let rows = 0; rows < most; rows += 1) {
    const code = await insert()
    if (code !== 'ok') return { rows, code }
  }
  throw new Error('nothing was refused')
}

describe('limits that change while it runs', () => {
  let folder: ReturnType<typeof temporaryFolder>
  beforeEach(async () => {
    folder = temporaryFolder()
    await open(folder.dir)
    await writer.query('create table t (id integer primary key, v blob)')
  })
  afterEach(async () => {
    await worker.end('SIGKILL')
    folder.remove()
  })

  test('a database that is full goes on when its size is raised', async () => {
    const first = await insertUntilRefused()
    expect(first.code).toBe('quota.exceeded')
    await configure({ maxSizeMb: 8 })
    const second = await insertUntilRefused()
    expect(second.code).toBe('quota.exceeded')
    expect(first.rows + second.rows).toBeGreaterThan((6 * MB) / ROW_BYTES)
    expect(await count()).toBe(first.rows + second.rows)
  })

  test('one that is larger than its new size only deletes and reads, and writes again once it is smaller', async () => {
    const { rows } = await insertUntilRefused()
    await configure({ maxSizeMb: 2 })
    expect((await control.health()).overQuota).toBe(true)
    for (const sql of ['insert into t (v) values (1)', 'create table u (a)', 'update t set v = 1'])
      expect([sql, await codeOf(writer.query(sql))]).toEqual([sql, 'quota.exceeded'])
    expect(await count()).toBe(rows)
    await expect
      .poll(() => control.notices.map(({ kind }) => kind))
      .toEqual(expect.arrayContaining(['quota.exceeded']))
    expect(await codeOf(writer.query('delete from t where id > 2'))).toBe('ok')
    expect(await codeOf(writer.query('vacuum'))).toBe('ok')
    await expect.poll(insert, { timeout: 10_000 }).toBe('ok')
    const again = await insertUntilRefused()
    expect(again.code).toBe('quota.exceeded')
    // The new size holds, not the one that the file once had.
    expect((again.rows + 3) * ROW_BYTES).toBeLessThan(2 * MB)
  })

  test('while the volume has no room, nothing that grows is taken', async () => {
    await insert()
    await configure({ readOnly: 'disk' })
    expect(await insert()).toBe('disk.full')
    expect(await codeOf(writer.batch([{ sql: 'insert into t (v) values (1)' }]))).toBe('disk.full')
    expect(await count()).toBe(1)
    expect(await codeOf(writer.query('delete from t'))).toBe('ok')
    await configure()
    expect(await insert()).toBe('ok')
  })

  test('who led before is not heeded', async () => {
    await configure({ term: 7 })
    expect(await codeOf(configure({ term: 6, readOnly: 'disk' }))).toBe('gateway.stale')
    expect(await insert()).toBe('ok')
    expect(await codeOf(configure({ term: 7 }))).toBe('ok')
  })

  test('settings that are none are refused, and change nothing', async () => {
    for (const changes of [
      { maxSizeMb: 0 },
      { maxSizeMb: 1.5 },
      { term: -1 },
      { term: undefined },
      { readOnly: 'quota' },
      { databaseName: "a'b" },
    ])
      expect(await codeOf(configure(changes as object))).toBe('request.invalid')
    expect(await insert()).toBe('ok')
  })
})

describe.skipIf(volumeAbsence())('a volume that is full', () => {
  let volume: SmallVolume
  beforeEach(async () => {
    volume = new SmallVolume(64)
    await open(volume.dir)
    await configure({ maxSizeMb: 48 })
    await writer.query('create table t (id integer primary key, v blob)')
  })
  afterEach(async () => {
    await worker.end('SIGKILL')
    volume.remove()
  })

  test('is told from a database that is full; what was acknowledged is there, and it heals by itself', async () => {
    await insert()
    volume.fill(2 * MB)
    const { rows, code } = await insertUntilRefused()
    expect(code).toBe('disk.full')
    await expect.poll(() => control.notices.map(({ kind }) => kind)).toContain('disk.full')
    expect(await count()).toBe(rows + 1)
    volume.clear()
    expect(await insert()).toBe('ok')
    expect(await count()).toBe(rows + 2)
  })

  test('does not keep a worker that was killed from coming back once there is some room', async () => {
    volume.fill(2 * MB)
    const { rows } = await insertUntilRefused()
    await worker.end('SIGKILL')
    volume.clear()
    volume.fill(4 * MB)
    await open(volume.dir)
    expect(await count()).toBe(rows)
    const { rows: checked } = await writer.query('pragma integrity_check')
    expect(checked).toEqual([{ integrity_check: 'ok' }])
  })
})
