import { type ChildProcess, spawn as startProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { EngineName, PlatformStats } from '@db-forge/contract'
import { SmallVolume, volumeAbsence } from '@db-forge/worker-kit/testing/small-volume'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { postgresAbsence } from '../testing/engine-suites.ts'
import { ADMIN_TOKEN, openTestGateway, type TestGateway } from '../testing/test-gateway.ts'

const MB = 1024 * 1024
const VOLUME_MB = 800
/** Of which the floor is a twentieth, and the ballast a fiftieth. */
const FLOOR_MB = 40
const BALLAST_MB = 16
const PATIENCE = { timeout: 60_000, interval: 100 }
const ENGINES: readonly EngineName[] = postgresAbsence() ? ['sqlite'] : ['sqlite', 'postgres']
const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url))

interface Answer {
  readonly status: number
  readonly body: { readonly code?: string; readonly rows?: unknown[][] }
}
type Ask = (method: string, path: string, body?: object) => Promise<Answer>

/** Writes one row after the other, and counts what was acknowledged. */
class Writer {
  readonly name: string
  readonly #ask: Ask
  readonly acknowledged: number[] = []
  /** Outcomes since it was last asked. */
  codes = new Set<string>()
  #going = true
  readonly #done: Promise<void>
  #next = 0

  constructor(ask: Ask, name: string) {
    this.#ask = ask
    this.name = name
    this.#done = this.#run()
  }

  sql(sql: string, options: object = {}): Promise<Answer> {
    return this.#ask('POST', `/api/db/${this.name}/query`, { sql, rowFormat: 'array', ...options })
  }

  async stop(): Promise<void> {
    this.#going = false
    await this.#done
  }

  /** Those that it has been told are there, and are not. */
  async lost(): Promise<number[]> {
    const { body } = await this.sql('select id from t', { maxRows: 10_000 })
    const there = new Set(body.rows?.map(([id]) => Number(id)))
    return this.acknowledged.filter((id) => !there.has(id))
  }

  async #run(): Promise<void> {
    while (this.#going) {
      const id = this.#next++
      const { status, body } = await this.sql(
        `insert into t values (${id}, '${'x'.repeat(20_000)}')`,
      )
      if (status === 200) this.acknowledged.push(id)
      this.codes.add(status === 200 ? 'ok' : (body.code ?? `${status}`))
      await sleep(5)
    }
  }
}

async function makeTables(ask: Ask): Promise<void> {
  for (const engine of ENGINES) {
    expect((await ask('POST', `/admin/databases/spawn/${engine}`, { engine })).status).toBe(201)
    const sql = 'create table t (id integer primary key, v text)'
    expect((await ask('POST', `/api/db/${engine}/query`, { sql })).status).toBe(200)
    if (engine !== 'postgres') continue
    const external = 'alter table t alter v set storage external'
    await ask('POST', `/api/db/${engine}/query`, { sql: external })
  }
}

const statsOf = async (ask: Ask) =>
  ((await ask('GET', '/admin/stats')).body as unknown as PlatformStats).disk

describe.skipIf(volumeAbsence())('a volume that fills', { timeout: 120_000 }, () => {
  let volume: SmallVolume
  let g: TestGateway
  let writers: Writer[]
  const ask: Ask = (method, path, body) => g.call(method, path, body)

  beforeEach(async () => {
    volume = new SmallVolume(VOLUME_MB)
    g = await openTestGateway({
      DBFORGE_DATA_DIR: join(volume.dir, 'data'),
      DBFORGE_DISK_FLOOR_MB: '512',
      DBFORGE_DISK_BALLAST_MB: '160',
    })
    await makeTables(ask)
    writers = ENGINES.map((name) => new Writer(ask, name))
    const fewest = () => Math.min(...writers.map(({ acknowledged }) => acknowledged.length))
    await expect.poll(fewest, PATIENCE).toBeGreaterThan(20)
  })
  afterEach(async () => {
    await Promise.all(writers.map((writer) => writer.stop()))
    await g.destroy()
    volume.remove()
  })

  const sawOnly = (code: string) =>
    expect
      .poll(() => {
        const seen = writers.map(({ codes }) => [...codes])
        for (const writer of writers) writer.codes = new Set()
        return seen
      }, PATIENCE)
      .toEqual(writers.map(() => [code]))

  async function expectNothingLost(): Promise<void> {
    await Promise.all(writers.map((writer) => writer.stop()))
    for (const writer of writers) {
      expect(writer.acknowledged.length).toBeGreaterThan(20)
      expect([writer.name, await writer.lost()]).toEqual([writer.name, []])
    }
  }

  test('refuses what grows below its floor, reads and deletes, and writes again by itself', async () => {
    await sawOnly('ok')
    await expect.poll(async () => (await statsOf(ask)).ballastBytes, PATIENCE).toBe(BALLAST_MB * MB)
    expect(await statsOf(ask)).toMatchObject({ floorBytes: FLOOR_MB * MB, readOnly: false })
    volume.fill((FLOOR_MB - 5) * MB)
    await sawOnly('disk.full')
    for (const { name } of writers) {
      const read = await ask('POST', `/api/db/${name}/query`, { sql: 'select count(*) from t' })
      expect(read.status).toBe(200)
      const sql = 'delete from t where id = -1'
      expect((await ask('POST', `/api/db/${name}/query`, { sql })).status).toBe(200)
    }
    expect(await g.problem('POST', '/admin/databases/spawn/more')).toMatchObject({
      status: 507,
      code: 'disk.full',
    })
    expect(await statsOf(ask)).toMatchObject({ readOnly: true, ballastBytes: BALLAST_MB * MB })
    const health = await g.call<{ checks: { disk: object } }>('GET', '/health')
    expect(health).toMatchObject({ status: 503, body: { checks: { disk: { status: 'error' } } } })
    expect((await g.call('GET', '/health/ready')).status).toBe(200)
    const metrics = await g.call<string>('GET', '/metrics')
    expect(metrics.body).toContain('dbforge_volume_read_only 1')
    // Just above the floor is not enough.
    volume.clear()
    volume.fill((FLOOR_MB + 2) * MB)
    await sleep(1000)
    expect(await statsOf(ask)).toMatchObject({ readOnly: true })
    volume.clear()
    await sawOnly('ok')
    expect((await g.call('GET', '/health')).status).toBe(200)
    expect((await g.call('POST', '/admin/databases/spawn/more')).status).toBe(201)
    await expectNothingLost()
  })

  test('that is full to the last byte loses nothing; workers that died come back, and the ballast too', async () => {
    await sawOnly('ok')
    await expect.poll(async () => (await statsOf(ask)).ballastBytes, PATIENCE).toBe(BALLAST_MB * MB)
    const pids = await Promise.all(writers.map(({ name }) => g.workerPid(name)))
    volume.fill(0)
    // The gateway may give up its ballast meanwhile, and that is taken too.
    await expect
      .poll(async () => {
        volume.fill(0)
        return (await statsOf(ask)).ballastBytes
      }, PATIENCE)
      .toBe(0)
    for (const pid of pids) killIfThere(pid)
    await sleep(1000)
    expect(await statsOf(ask)).toMatchObject({ readOnly: true })
    volume.clear()
    await sawOnly('ok')
    await expect.poll(async () => (await statsOf(ask)).ballastBytes, PATIENCE).toBe(BALLAST_MB * MB)
    await expectNothingLost()
  })

  test('recovers a worker by its ballast, though nobody has made room', async () => {
    await sawOnly('ok')
    await expect.poll(async () => (await statsOf(ask)).ballastBytes, PATIENCE).toBe(BALLAST_MB * MB)
    const pids = await Promise.all(writers.map(({ name }) => g.workerPid(name)))
    volume.fill(0)
    for (const pid of pids) killIfThere(pid)
    for (const { name } of writers)
      await expect
        .poll(
          async () =>
            (await ask('POST', `/api/db/${name}/query`, { sql: 'select 1', readOnly: true }))
              .status,
          PATIENCE,
        )
        .toBe(200)
    await sawOnly('disk.full')
    expect(await statsOf(ask)).toMatchObject({ readOnly: true, ballastBytes: 0 })
    volume.clear()
    await sawOnly('ok')
    await expectNothingLost()
  })

  test('is filled by one tenant up to its quota only, and others write on', async () => {
    await ask('POST', '/admin/databases/spawn/greedy', { maxSizeMb: 8 })
    const greedy = (sql: string) => ask('POST', '/api/db/greedy/query', { sql })
    await greedy('create table t (v)')
    let code: string | undefined
    for (let nth = 0; nth < 100 && code === undefined; nth += 1)
      code = (await greedy('insert into t values (randomblob(1000000))')).body.code
    expect(code).toBe('quota.exceeded')
    for (const writer of writers) expect([...writer.codes]).toEqual(['ok'])
    await sawOnly('ok')
    expect((await greedy('select count(*) from t')).status).toBe(200)
  })
})

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

describe.skipIf(volumeAbsence())('a gateway that is killed', { timeout: 120_000 }, () => {
  let volume: SmallVolume
  let child: ChildProcess | undefined

  beforeEach(() => {
    volume = new SmallVolume(VOLUME_MB)
  })
  afterEach(async () => {
    if (child?.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM')
      await once(child, 'exit')
    }
    volume.remove()
  })

  /** The gateway as a process of its own, asked over its port. */
  async function start(): Promise<Ask> {
    child = startProcess(process.execPath, [MAIN], {
      env: {
        PATH: process.env['PATH'] ?? '',
        DBFORGE_PORT: '0',
        DBFORGE_PG_PORT: 'off',
        DBFORGE_RUNTIME: 'process',
        DBFORGE_POOL_SQLITE: '0',
        DBFORGE_POOL_POSTGRES: '0',
        DBFORGE_ADMIN_TOKEN: ADMIN_TOKEN,
        DBFORGE_DATA_DIR: join(volume.dir, 'data'),
        DBFORGE_SECRETS_DIR: join(volume.dir, 'secrets'),
      },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    const url = await new Promise<string>((resolve, reject) => {
      let said = ''
      child?.stderr?.on('data', (chunk: Buffer) => {
        said += chunk.toString()
        const at = /ready at (\S+)/.exec(said)?.[1]
        if (at) resolve(at)
      })
      child?.once('exit', (code) => reject(new Error(`the gateway ended with ${code}: ${said}`)))
    })
    return async (method, path, body) => {
      const response = await fetch(`${url}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${ADMIN_TOKEN}`,
          ...(body ? { 'content-type': 'application/json' } : {}),
        },
        ...(body ? { body: JSON.stringify(body) } : {}),
      })
      return { status: response.status, body: (await response.json()) as Answer['body'] }
    }
  }

  test('while its ballast is given up starts on the full volume, and makes it again once there is room', async () => {
    const ballast = join(volume.dir, 'data', 'ballast')
    let ask = await start()
    await makeTables(ask)
    const insert = (engine: EngineName, id: number) =>
      ask('POST', `/api/db/${engine}/query`, { sql: `insert into t values (${id}, 'x')` })
    for (const engine of ENGINES) expect((await insert(engine, 1)).status).toBe(200)
    await expect.poll(() => existsSync(ballast), PATIENCE).toBe(true)
    expect(statSync(ballast)).toMatchObject({ size: BALLAST_MB * MB })
    // For real, and not a file of holes.
    expect(statSync(ballast).blocks * 512).toBe(BALLAST_MB * MB)
    volume.fill(0)
    await expect.poll(() => existsSync(ballast), PATIENCE).toBe(false)
    child?.kill('SIGKILL')
    // Half of one that it was making.
    writeFileSync(`${ballast}.new`, Buffer.alloc(MB))
    volume.fill(0)
    ask = await start()
    for (const engine of ENGINES) {
      const read = () => ask('POST', `/api/db/${engine}/query`, { sql: 'select id from t' })
      await expect.poll(async () => (await read()).status, PATIENCE).toBe(200)
      expect((await insert(engine, 2)).body.code).toBe('disk.full')
    }
    expect(existsSync(`${ballast}.new`)).toBe(false)
    volume.clear()
    for (const engine of ENGINES)
      await expect.poll(async () => (await insert(engine, 3)).status, PATIENCE).toBe(200)
    await expect.poll(() => existsSync(ballast), PATIENCE).toBe(true)
    expect(statSync(ballast).size).toBe(BALLAST_MB * MB)
  })
})
