import {
  existsSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { Welcome, WorkerHealth } from '@db-forge/contract/wire'
import { FrameType, PROTOCOL_VERSION } from '@db-forge/contract/wire/frame'
import { EXIT } from '@db-forge/worker-kit'
import { Link, LinkClosed, type RemoteError } from '@db-forge/worker-kit/testing/link'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { folderAt } from './folder.ts'
import { DATABASE_ID, temporaryFolder, WorkerProcess } from './testing/worker-process.ts'

const ENDLESS =
  'with recursive c(x) as (select 1 union all select x + 1 from c) select count(*) from c'
/** One step of SQLite's program, which looks for an interrupt only between steps. */
const UNINTERRUPTIBLE =
  "select length(trim(printf('%.*c', 4000000, 'a'), printf('%.*c', 600000, 'b') || 'a'))"

let folder: ReturnType<typeof temporaryFolder>
let workers: WorkerProcess[]
beforeEach(() => {
  folder = temporaryFolder()
  workers = []
})
afterEach(async () => {
  await Promise.all(workers.map((worker) => worker.end('SIGKILL')))
  folder.remove()
})

function launch(env: Record<string, string> = {}, dir = folder.dir): WorkerProcess {
  const worker = new WorkerProcess(dir, env)
  workers.push(worker)
  return worker
}

async function started(): Promise<WorkerProcess> {
  const worker = launch()
  await worker.ready()
  return worker
}

describe('starting', () => {
  test('ready means that both sockets answer, and say the same of the worker', async () => {
    const worker = await started()
    const { controlSocket, sqlSocket } = folderAt(folder.dir)
    const welcomes = await Promise.all(
      [controlSocket, sqlSocket].map((path) =>
        new Link(path).request(FrameType.hello, {
          protocol: PROTOCOL_VERSION,
          databaseId: DATABASE_ID,
        }),
      ),
    )
    const [control, writer] = welcomes.map((welcome) => Welcome.parse(welcome))
    const own = { session: expect.any(Number), clockMs: expect.any(Number) }
    expect({ ...writer, lane: null, lanes: [0, 1] }).toMatchObject({ ...control, ...own })
    expect(control).toMatchObject({ lane: null, lanes: [0, 1] })
    expect(writer).toMatchObject({
      lane: 0,
      engine: 'sqlite',
      specHash: 'abc',
      pid: worker.child.pid,
    })
  })

  test('sockets that a dead worker left behind are no obstacle', async () => {
    await (await started()).end('SIGKILL')
    expect(existsSync(folderAt(folder.dir).sqlSocket)).toBe(true)
    await started()
  })

  test('a second worker for one folder is refused while the first runs', async () => {
    const first = await started()
    const second = launch()
    expect((await second.exited).code).toBe(EXIT.folderInUse)
    expect(second.output).toContain('another worker holds')
    expect((await (await first.sql()).query('select 1 as one')).rows).toEqual([{ one: 1 }])
  })

  test('a successor waits for a predecessor that is about to die', async () => {
    const first = await started()
    const second = launch()
    setTimeout(() => first.child.kill('SIGKILL'), 500)
    await second.ready()
  })

  test('a worker that can see the volume root refuses to start', async () => {
    writeFileSync(join(folder.dir, '.dbforge-volume-root'), '')
    expect((await launch().exited).code).toBe(EXIT.seesTooMuch)
  })

  test('in a container no folder above may be the volume root either', async () => {
    writeFileSync(join(folder.dir, '.dbforge-volume-root'), '')
    const dir = join(folder.dir, 'databases', DATABASE_ID)
    mkdirSync(dir, { recursive: true })
    expect((await launch({ DBFORGE_CONTAINED: '1' }, dir).exited).code).toBe(EXIT.seesTooMuch)
    await launch({}, dir).ready()
  })

  test.each([
    ['a file that is no database', (path: string) => writeFileSync(path, 'x'.repeat(5000))],
    ['a link to a file elsewhere', (path: string) => symlinkSync('/etc/hostname', path)],
    ['a folder', (path: string) => mkdirSync(path)],
  ])('%s in place of the database is refused', async (_, make) => {
    make(folderAt(folder.dir).database)
    expect((await launch().exited).code).toBe(EXIT.databaseUnusable)
  })

  test('a path too long for a socket is named', async () => {
    const dir = join(folder.dir, 'x'.repeat(90))
    mkdirSync(dir)
    const worker = launch({}, dir)
    expect((await worker.exited).code).toBe(EXIT.configInvalid)
    expect(worker.output).toContain('choose a shorter data folder')
  })

  test('a launch without its environment ends with all that is missing', async () => {
    const worker = launch({ DBFORGE_DATABASE_ID: 'x', DBFORGE_ENGINE: 'y' })
    expect((await worker.exited).code).toBe(EXIT.configInvalid)
    expect(worker.output).toMatch(/DBFORGE_DATABASE_ID.*DBFORGE_ENGINE/)
  })
})

describe('temporary files', () => {
  test('lie in the folder of the database, where they are not memory', async () => {
    const worker = await started()
    const sql = await worker.sql()
    const sort = `with recursive c(x) as (select 1 union all select x + 1 from c limit 800000)
      select count(*) as n from (select hex(randomblob(16)) as k from c order by k)`
    const sorted = sql.query(sort)
    const links = () => {
      const fds = `/proc/${worker.child.pid}/fd`
      return readdirSync(fds).map((fd) => readlinkOf(join(fds, fd)))
    }
    const temporary = `${folderAt(folder.dir).tempDir}/`
    await expect
      .poll(() => links().some((link) => link.startsWith(temporary)), { timeout: 10_000 })
      .toBe(true)
    expect((await sorted).rows).toEqual([{ n: 800_000 }])
    expect(readdirSync(temporary)).toEqual([])
  })
})

function readlinkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}

describe('a statement that does not end', () => {
  test('does not delay health, which says how long it runs', async () => {
    const worker = await started()
    const control = await worker.control()
    const endless = (await worker.sql()).query(ENDLESS).catch((error: unknown) => error)
    await new Promise((resolve) => setTimeout(resolve, 200))
    const times: number[] = []
    for (let time = 0; time < 20; time += 1) {
      const asked = performance.now()
      const health = WorkerHealth.parse(await control.health())
      times.push(performance.now() - asked)
      expect(health.lanes).toEqual([
        { lane: 0, busyMs: expect.any(Number) },
        { lane: 1, busyMs: null },
      ])
      expect(health.lanes[0]?.busyMs).toBeGreaterThan(100)
    }
    times.sort((a, b) => a - b)
    expect(times[10]).toBeLessThan(50)
    await worker.end('SIGKILL')
    expect(await endless).toBeInstanceOf(LinkClosed)
  })

  test('is interrupted at its deadline, and the worker goes on', async () => {
    const worker = await started()
    const sql = await worker.sql()
    for (let time = 0; time < 3; time += 1) {
      const asked = performance.now()
      const error = await sql.query(ENDLESS, [], { timeoutMs: 100 }).catch((e: RemoteError) => e)
      expect((error as RemoteError).error.code).toBe('query.timeout')
      expect(performance.now() - asked).toBeLessThan(1000)
      expect((await sql.query('select 1 as one')).rows).toEqual([{ one: 1 }])
    }
    expect(worker.output).not.toContain('deadline')
  })

  test('and cannot be interrupted ends the worker after its deadline, which loses nothing that was acknowledged', async () => {
    const worker = await started()
    const sql = await worker.sql()
    await sql.query('create table t (a)')
    await sql.query('insert into t values (1)')
    const asked = performance.now()
    await expect(sql.query(UNINTERRUPTIBLE, [], { timeoutMs: 300 })).rejects.toThrow(LinkClosed)
    expect(performance.now() - asked).toBeGreaterThan(500)
    expect(await worker.exited).toEqual({ code: null, signal: 'SIGKILL' })
    expect(worker.output).toContain('ran past its deadline')
    const next = await started()
    expect((await (await next.sql()).query('select a from t')).rows).toEqual([{ a: 1 }])
  })

  test('is watched again after the worker was idle for a while', async () => {
    const worker = await started()
    const sql = await worker.sql()
    await sql.query('select 1')
    await new Promise((resolve) => setTimeout(resolve, 3000))
    await expect(sql.query(UNINTERRUPTIBLE, [], { timeoutMs: 100 })).rejects.toThrow(LinkClosed)
    expect((await worker.exited).signal).toBe('SIGKILL')
  })

  test('cannot hold up a stop for longer than a few seconds', async () => {
    const worker = await started()
    const endless = (await worker.sql())
      .query(ENDLESS, [], { timeoutMs: 60_000 })
      .catch(() => undefined)
    await new Promise((resolve) => setTimeout(resolve, 100))
    const asked = performance.now()
    expect((await worker.end()).signal).toBe('SIGKILL')
    expect(performance.now() - asked).toBeLessThan(8000)
    await endless
  })
})

describe('stopping', () => {
  test('leaves all data in one file and no sockets', async () => {
    const worker = await started()
    const sql = await worker.sql()
    await sql.query('create table t (a)')
    await sql.batch(
      Array.from({ length: 500 }, (_, a) => ({ sql: 'insert into t values (?)', params: [a] })),
    )
    expect(await worker.end()).toEqual({ code: EXIT.stopped, signal: null })
    const { database, sqlSocket, controlSocket } = folderAt(folder.dir)
    expect(
      [sqlSocket, controlSocket, `${database}-wal`].filter((path) => existsSync(path)),
    ).toEqual([])
    expect(statSync(database).size).toBeGreaterThan(4096)
    const witness = new Database(database, { readonly: true })
    expect(witness.prepare('select count(*) from t').pluck().get()).toBe(500)
    witness.close()
  })

  test('lets the statement that runs end, and sends its answer', async () => {
    const worker = await started()
    const sql = await worker.sql()
    const limited = ENDLESS.replace('from c)', 'from c limit 3000000)')
    const answer = sql.query(limited)
    await new Promise((resolve) => setTimeout(resolve, 100))
    const exit = worker.end('SIGINT')
    expect((await answer).rows).toEqual([{ 'count(*)': 3_000_000 }])
    expect((await exit).code).toBe(EXIT.stopped)
  })
})

describe('a stop during the start', () => {
  test('is heeded', async () => {
    const worker = launch()
    await new Promise((resolve) => setTimeout(resolve, 120))
    const { code, signal } = await worker.end()
    expect(code === EXIT.stopped || signal === 'SIGTERM').toBe(true)
  })
})

describe('kill -9 under write load', () => {
  test('loses no acknowledged row and leaves no half batch', { timeout: 60_000 }, async () => {
    const acknowledged = new Set<number>()
    let next = 0
    for (let round = 0; round < 6; round += 1) {
      const worker = await started()
      const sql = await worker.sql()
      await sql.query('create table if not exists t (id integer primary key, part int)')
      const writers = Array.from({ length: 8 }, async () => {
        for (;;) {
          const id = next++
          const statements = [0, 1, 2].map((part) => ({
            sql: 'insert into t values (?, ?)',
            params: [id * 3 + part, id],
          }))
          await sql.batch(statements)
          acknowledged.add(id)
        }
      })
      setTimeout(() => worker.child.kill('SIGKILL'), 150 + round * 50)
      await Promise.allSettled(writers)
      await worker.exited
    }
    const sql = await (await started()).sql()
    const { rows } = await sql.query('select part, count(*) as n from t group by part', [], {
      maxRows: 100_000,
    })
    const found = new Map(rows.map((row) => [(row as never)['part'], (row as never)['n']]))
    expect([...found.values()].every((count) => count === 3)).toBe(true)
    expect([...acknowledged].filter((id) => !found.has(id as never))).toEqual([])
    expect(acknowledged.size).toBeGreaterThan(50)
    expect((await sql.query('pragma integrity_check')).rows).toEqual([{ integrity_check: 'ok' }])
  })
})
