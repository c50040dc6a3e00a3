import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { VOLUME_MARKER } from '@db-forge/contract/wire/folder'
import { EXIT } from '@db-forge/worker-kit'
import type { Link } from '@db-forge/worker-kit/testing/link'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { folderAt } from './folder.ts'
import { failure } from './testing/failure.ts'
import { temporaryFolder, unavailable, WorkerProcess } from './testing/worker-process.ts'

describe.skipIf(unavailable())('the life of a worker', () => {
  let folder: ReturnType<typeof temporaryFolder>
  const started: WorkerProcess[] = []

  beforeEach(() => {
    folder = temporaryFolder()
  })
  afterEach(async () => {
    for (const worker of started.splice(0)) await worker.end('SIGKILL')
    await sleep(100)
    folder.remove()
  })

  function launch(env: Record<string, string> = {}): WorkerProcess {
    const worker = new WorkerProcess(folder.dir, env)
    started.push(worker)
    return worker
  }

  async function start(env: Record<string, string> = {}): Promise<WorkerProcess> {
    const worker = launch(env)
    await worker.ready()
    return worker
  }

  test('stops cleanly, and starts again with what was committed', async () => {
    const first = await start()
    const link = await first.sql()
    await link.query('create table t (i int)')
    await link.query('insert into t values (1)')
    const running = failure(link.query('select pg_sleep(30)'))
    await sleep(50)
    const stopping = performance.now()
    expect(await first.end()).toEqual({ code: 0, signal: null })
    expect(performance.now() - stopping).toBeLessThan(5000)
    expect((await running).code).toBe('query.cancelled')
    expect(first.output).toContain('database system is shut down')
    expect(existsSync(join(folderAt(folder.dir).data, 'postmaster.pid'))).toBe(false)
    const second = await start()
    expect(second.output).not.toContain('automatic recovery')
    expect((await (await second.sql()).query('select * from t')).rows).toEqual([{ i: 1 }])
  })

  test('a server whose worker was killed ends with it', async () => {
    const worker = await start()
    const { serverPid } = worker
    expect(existsSync(`/proc/${serverPid}`)).toBe(true)
    await worker.end('SIGKILL')
    await expect.poll(() => existsSync(`/proc/${serverPid}`), { timeout: 3000 }).toBe(false)
  })

  test('the worker ends when the server does, and says so', async () => {
    const worker = await start()
    process.kill(worker.serverPid, 'SIGKILL')
    expect(await worker.exited).toEqual({ code: EXIT.failed, signal: null })
    expect(worker.output).toContain('the server has ended')
  })

  test('one backend that is killed takes no more with it than what ran', async () => {
    const worker = await start()
    const link: Link = await worker.sql()
    await link.query('create table t (i int)')
    const { rows } = await link.query('select pg_backend_pid() as pid')
    const running = failure(link.query('select pg_sleep(30)'))
    await sleep(100)
    process.kill((rows[0] as { pid: number }).pid, 'SIGKILL')
    expect((await running).code).toBe('worker.restarted')
    const count = () =>
      link.query('select count(*) n from t').then(
        ({ rows: found }) => found,
        () => null,
      )
    await expect.poll(count, { timeout: 2000 }).toEqual([{ n: 0 }])
    expect((await (await worker.control()).health()).status).toBe('ok')
  })

  test('two workers never share a folder', async () => {
    await start()
    const second = launch()
    expect((await second.exited).code).toBe(EXIT.folderInUse)
  })

  test('leftovers of a predecessor do not keep it from starting', async () => {
    const first = await start()
    const { data, serverSocket, sqlSocket } = folderAt(folder.dir)
    const pidFile = readFileSync(join(data, 'postmaster.pid'), 'utf8')
    await first.end('SIGKILL')
    await sleep(300)
    // A pid that is alive, and not PostgreSQL's.
    writeFileSync(join(data, 'postmaster.pid'), pidFile.replace(/^\d+/, String(process.pid)))
    writeFileSync(`${serverSocket}.lock`, pidFile)
    rmSync(sqlSocket)
    writeFileSync(sqlSocket, '')
    const second = await start()
    expect((await (await second.sql()).query('select 1 a')).rows).toEqual([{ a: 1 }])
  })

  test('a first start that was cut short is begun anew', async () => {
    const { data } = folderAt(folder.dir)
    for (const path of [data, `${data}.new`]) {
      mkdirSync(path)
      writeFileSync(join(path, 'PG_VERSION'), '17\n')
    }
    const worker = await start()
    expect((await (await worker.sql()).query('select 1 a')).rows).toEqual([{ a: 1 }])
    expect(readdirSync(folder.dir).sort()).toEqual(['pgdata', 'run'])
    expect(statSync(data).mode & 0o777).toBe(0o700)
  })

  test('without a template it makes its data itself', async () => {
    const worker = await start({ DBFORGE_POSTGRES_TEMPLATES: '' })
    expect((await (await worker.sql()).query('select 1 a')).rows).toEqual([{ a: 1 }])
  })

  test('what it cannot work with it says, with a code of its own', async () => {
    const codeOf = async (env: Record<string, string>) => (await launch(env).exited).code
    expect(await codeOf({ DBFORGE_ENGINE: 'sqlite' })).toBe(EXIT.configInvalid)
    expect(await codeOf({ DBFORGE_POSTGRES_BIN: '/nowhere' })).toBe(EXIT.engineUnavailable)
    expect(await codeOf({ DBFORGE_DATABASE_DIR: '/nowhere' })).toBe(EXIT.configInvalid)
    const deep = join(folder.dir, 'x'.repeat(90))
    mkdirSync(deep)
    expect(await codeOf({ DBFORGE_DATABASE_DIR: deep })).toBe(EXIT.configInvalid)
    writeFileSync(join(folder.dir, VOLUME_MARKER), '')
    expect(await codeOf({})).toBe(EXIT.seesTooMuch)
    rmSync(join(folder.dir, VOLUME_MARKER))
    await (await start()).end()
    writeFileSync(join(folderAt(folder.dir).data, 'PG_VERSION'), '9\n')
    const other = launch()
    expect((await other.exited).code).toBe(EXIT.engineUnavailable)
    expect(other.output).toContain('made by PostgreSQL 9')
  })

  test('its log holds no values', async () => {
    const worker = await start()
    const link = await worker.sql()
    await link.query('create table t (secret text primary key)')
    await link.query('insert into t values ($1)', ['canary-5150'])
    await failure(link.query('insert into t values ($1)', ['canary-5150']))
    await failure(link.query("select 'canary-5150' from nowhere"))
    await failure(link.query("do $$ begin raise log 'nothing'; perform 'canary-5150'::int; end $$"))
    await worker.end()
    expect(worker.output).not.toContain('canary')
  })
})

describe.skipIf(unavailable())('the size limit', () => {
  test('what grows is refused, what makes room is not', async () => {
    const folder = temporaryFolder()
    const worker = await WorkerProcess.start(folder.dir, { DBFORGE_MAX_SIZE_MB: '1' })
    try {
      const link = await worker.sql()
      const control = await worker.control()
      await link.query('create table t (v text)')
      expect((await control.health()).overQuota).toBe(false)
      await link.query(
        'insert into t select repeat(md5(i::text), 30) from generate_series(1, 70000) i',
        [],
        { timeoutMs: 60_000 },
      )
      expect((await control.health()).overQuota).toBe(true)
      expect((await failure(link.query("insert into t values ('x')"))).code).toBe('quota.exceeded')
      expect((await failure(link.batch([{ sql: "insert into t values ('x')" }]))).statement).toBe(0)
      await link.query('select count(*) from t')
      await link.query('drop table t')
      const over = async () => (await control.health()).overQuota
      await expect.poll(over, { timeout: 10_000 }).toBe(false)
      await link.query('create table t (v text)')
    } finally {
      await worker.end()
      folder.remove()
    }
  })
})
