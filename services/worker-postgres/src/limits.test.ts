import { chmodSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ConfigureCommand } from '@db-forge/contract/wire'
import { codeOf, type Link } from '@db-forge/worker-kit/testing/link'
import { SmallVolume, volumeAbsence } from '@db-forge/worker-kit/testing/small-volume'
import type pg from 'pg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { folderAt } from './folder.ts'
import { configure, connectClient, setPassword, sqlStateOf } from './testing/client.ts'
import { temporaryFolder, unavailable, WorkerProcess } from './testing/worker-process.ts'

const READ_ONLY = '25006'
const MB = 1024 * 1024
const PATIENCE = { timeout: 20_000, interval: 100 }
/** About a megabyte. */
const GROW = 'insert into t select repeat(md5(i::text), 30) from generate_series(1, 1000) i'

let worker: WorkerProcess
let link: Link
let control: Link

async function open(dir: string): Promise<void> {
  worker = await WorkerProcess.start(dir, { DBFORGE_MAX_SIZE_MB: '1' })
  link = await worker.sql()
  control = await worker.control()
}

const set = (changes: Partial<ConfigureCommand> = {}) =>
  configure(control, 'main', 0, { maxSizeMb: 1, ...changes })

async function client(): Promise<pg.Client> {
  await setPassword(control, 'owner')
  return connectClient(worker.dir, 'owner')
}

describe.skipIf(unavailable())('limits that change while it runs', () => {
  let folder: ReturnType<typeof temporaryFolder>
  beforeEach(async () => {
    folder = temporaryFolder()
    await open(folder.dir)
    await set()
    await link.query('create table t (v text)')
  })
  afterEach(async () => {
    await worker.end()
    folder.remove()
  })

  test('sessions of clients stop writing at the quota, may still make room, and then go on', async () => {
    const session = await client()
    const grow = () => sqlStateOf(session.query(GROW))
    for (let nth = 0; (await grow()) === 'ok'; nth += 1) expect(nth).toBeLessThan(1000)
    expect(await grow()).toBe(READ_ONLY)
    expect((await session.query('select count(*) > 0 as some from t')).rows).toEqual([
      { some: true },
    ])
    await session.query('begin read write; truncate t; commit')
    await expect.poll(grow, PATIENCE).toBe('ok')
    expect(control.notices.map(({ kind }) => kind)).toEqual(['quota.exceeded', 'quota.ok'])
    await session.end()
  })

  test('a larger size lets them go on, a smaller one stops them', async () => {
    const session = await client()
    for (let nth = 0; nth < 80; nth += 1) await sqlStateOf(session.query(GROW))
    await expect.poll(() => sqlStateOf(session.query(GROW)), PATIENCE).toBe(READ_ONLY)
    await set({ maxSizeMb: 300 })
    await expect.poll(() => sqlStateOf(session.query(GROW)), PATIENCE).toBe('ok')
    const settings = readFileSync(join(folderAt(worker.dir).data, 'postgresql.auto.conf'), 'utf8')
    expect(settings).toContain("temp_file_limit = '300MB'")
    await set({ maxSizeMb: 2 })
    await expect.poll(() => sqlStateOf(session.query(GROW)), PATIENCE).toBe(READ_ONLY)
    await session.end()
  })

  test('requests do not grow it by what their first word does not say', async () => {
    await link.query(`create function grow() returns void language sql as $$${GROW}$$`)
    for (let nth = 0; nth < 80; nth += 1) await codeOf(link.query(GROW))
    await expect.poll(async () => (await control.health()).overQuota, PATIENCE).toBe(true)
    for (const sql of [
      'select grow()',
      "with one as (insert into t values ('x') returning v) select * from one",
      'do $$ begin perform grow(); end $$',
      'alter table t add column w int',
    ]) {
      expect([sql, await codeOf(link.query(sql))]).toEqual([sql, 'quota.exceeded'])
      expect(await codeOf(link.batch([{ sql }]))).toBe('quota.exceeded')
      expect(await codeOf(link.stream(sql).end())).toBe('quota.exceeded')
    }
    expect(await codeOf(link.query('create table u (i int)', [], { readOnly: true }))).not.toBe(
      'ok',
    )
    expect(await codeOf(link.query('vacuum t'))).toBe('ok')
    expect(await codeOf(link.batch([{ sql: 'delete from t' }, { sql: 'select 1' }]))).toBe('ok')
    expect(await codeOf(link.query('drop table t cascade'))).toBe('ok')
    await expect.poll(() => codeOf(link.query('create table u (i int)')), PATIENCE).toBe('ok')
  })

  test('beyond the ceiling what grows is ended, whatever it has set; what deletes is not', async () => {
    const session = await client()
    await session.query('set default_transaction_read_only = off')
    const endless = `do $$ begin loop ${GROW}; end loop; end $$`
    expect(await sqlStateOf(session.query(endless))).toBe('57014')
    const { rows } = await session.query('select pg_database_size(current_database()) as bytes')
    expect(Number(rows[0].bytes)).toBeLessThan(1000 * MB)
    expect(await sqlStateOf(session.query('delete from t'))).toBe('ok')
    expect(await sqlStateOf(session.query('truncate t'))).toBe('ok')
    await session.end()
  })

  test('while the volume has no room, nothing that grows is taken, from new sessions either', async () => {
    const session = await client()
    await session.query(GROW)
    await set({ readOnly: 'disk' })
    expect(await codeOf(link.query(GROW))).toBe('disk.full')
    expect(await codeOf(link.query('select count(*) from t'))).toBe('ok')
    await expect.poll(() => sqlStateOf(session.query(GROW)), PATIENCE).toBe(READ_ONLY)
    const other = await client()
    expect(await sqlStateOf(other.query(GROW))).toBe(READ_ONLY)
    await other.end()
    expect(await codeOf(link.query('delete from t'))).toBe('ok')
    await set()
    expect(await codeOf(link.query(GROW))).toBe('ok')
    await expect.poll(() => sqlStateOf(session.query(GROW)), PATIENCE).toBe('ok')
    await session.end()
  })

  test('who led before is heeded neither for settings nor for passwords', async () => {
    await set({ term: 7 })
    expect(await codeOf(set({ term: 6, readOnly: 'disk' }))).toBe('gateway.stale')
    expect(await codeOf(setPassword(control, 'owner'))).toBe('gateway.stale')
    expect(await codeOf(link.query(GROW))).toBe('ok')
  })
})

describe.skipIf(unavailable() ?? volumeAbsence())('a volume that is full', () => {
  test('is told as such; what was acknowledged is there when there is room again, also after a crash', async () => {
    const volume = new SmallVolume(400)
    try {
      chmodSync(volume.dir, 0o777)
      await open(volume.dir)
      await set({ maxSizeMb: 300 })
      await link.query('create table t (i serial primary key, v text)')
      let rows = 0
      let code = 'ok'
      while (code === 'ok') {
        if (rows === 20) volume.fill(8 * MB)
        code = await codeOf(
          link.query('insert into t (v) values (repeat(md5(random()::text), 4000))'),
        )
        if (code === 'ok') rows += 1
        expect(rows).toBeLessThan(100_000)
      }
      // A transaction that finds no room ends; a log without room ends the server.
      expect(['disk.full', 'worker.restarted', 'database.busy']).toContain(code)
      await worker.end('SIGKILL')
      volume.clear()
      await open(volume.dir)
      await set({ maxSizeMb: 300 })
      const count = 'select count(*)::int as n, count(distinct i)::int as d from t'
      expect((await link.query(count)).rows).toEqual([{ n: rows, d: rows }])
      expect(await codeOf(link.query("insert into t (v) values ('x')"))).toBe('ok')
    } finally {
      await worker.end('SIGKILL')
      volume.remove()
    }
  })
})
