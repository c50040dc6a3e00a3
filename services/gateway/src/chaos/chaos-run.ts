import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { Database, PlatformStats } from '@db-forge/contract'
import { DockerodeApi } from '../runtime/dockerode-api.ts'
import { randomOf } from '../simulation/scheduler.ts'
import { freePort, GatewayProcess } from '../testing/gateway-process.ts'
import { comeAndGo, DatabaseUnderLoad } from './databases-under-load.ts'
import { FAULTS, type Victims } from './nemesis.ts'

const run = promisify(execFile)
const VOLUME_MB = 1536
/** Within this, after the last fault, everything has to be as it should. */
const SETTLE_MS = 120_000

export interface ChaosOptions {
  readonly seconds: number
  readonly seed: number
  /** Where the Docker engine writes its pid, if its restart may be part of it. */
  readonly enginePidFile: string | null
  readonly onFault?: (name: string) => void
}

export interface ChaosReport {
  readonly seconds: number
  readonly faultsDone: Readonly<Record<string, number>>
  readonly acknowledged: number
  readonly unknown: number
  readonly comings: number
  /** How long writers had to wait, in milliseconds. */
  readonly gapMs: { readonly p50: number; readonly p95: number; readonly max: number }
  readonly failures: Readonly<Record<string, number>>
  readonly settledMs: number
  /** What was wrong in the end. */
  readonly faults: readonly string[]
}

/**
 * Does to a real installation on Docker whatever can happen to one, while clients write and databases come and go. In the
 * end every acknowledged row has to be there, and every database, container and folder as the store says.
 */
export async function chaosRun(options: ChaosOptions): Promise<ChaosReport> {
  const random = randomOf(options.seed)
  const docker = new DockerodeApi()
  const installation = await Installation.open(docker)
  try {
    const { gateway } = installation
    const databases = [
      new DatabaseUnderLoad('ledger', 'sqlite'),
      new DatabaseUnderLoad('orders', 'sqlite'),
      new DatabaseUnderLoad('shop', 'postgres'),
      new DatabaseUnderLoad('stock', 'postgres'),
    ]
    for (const database of databases) await database.prepare(gateway)
    const end = new AbortController()
    const clients = databases.map((database) => database.write(gateway, end.signal))
    const fleeting = comeAndGo(gateway, end.signal, random)
    const victims = { ...installation, docker, random, enginePidFile: options.enginePidFile }
    const faultsDone = await torment({ ...victims, gateway }, options)
    // What the last fault did to writes is seen before they end.
    await wait(3000)
    end.abort()
    await Promise.all(clients)
    const comings = await fleeting
    const startedAt = performance.now()
    const faults = await installation.settled()
    const settledMs = Math.round(performance.now() - startedAt)
    for (const database of databases) faults.push(...(await database.faults(gateway)))
    return { seconds: options.seconds, faultsDone, comings, settledMs, faults, ...sum(databases) }
  } finally {
    await installation.close()
  }
}

async function torment(
  victims: Victims,
  { seconds, onFault }: ChaosOptions,
): Promise<Record<string, number>> {
  const done: Record<string, number> = {}
  const possible = Object.entries(FAULTS).filter(
    ([name]) =>
      (name !== 'full disk' || victims.volume !== null) &&
      (name !== 'restart of Docker' || victims.enginePidFile !== null),
  )
  const until = performance.now() + seconds * 1000
  // Each of them once, then as they come.
  const first = [...possible]
  while (performance.now() < until || first.length > 0) {
    const next = first.shift() ?? possible[Math.floor(victims.random() * possible.length)]
    if (!next) break
    const [name, act] = next
    onFault?.(name)
    await act(victims)
    done[name] = (done[name] ?? 0) + 1
    await wait(500 + victims.random() * 4000)
  }
  return done
}

function sum(databases: readonly DatabaseUnderLoad[]) {
  const gaps = databases.flatMap(({ gapsMs }) => gapsMs).sort((a, b) => a - b)
  const at = (share: number) => Math.round(gaps[Math.ceil(gaps.length * share) - 1] ?? 0)
  const failures: Record<string, number> = {}
  for (const database of databases)
    for (const [code, count] of database.failures) failures[code] = (failures[code] ?? 0) + count
  return {
    acknowledged: databases.reduce((total, { acknowledged }) => total + acknowledged.size, 0),
    unknown: databases.reduce((total, { unknown }) => total + unknown.size, 0),
    gapMs: { p50: at(0.5), p95: at(0.95), max: at(1) },
    failures,
  }
}

/** A gateway with a data folder of its own, on a small file system of its own where that can be made. */
class Installation {
  readonly gateway: GatewayProcess
  readonly volume: string | null
  readonly #folder: string
  readonly #dataDir: string
  readonly #docker: DockerodeApi

  static async open(docker: DockerodeApi): Promise<Installation> {
    const folder = await realpath(await mkdtemp(join(tmpdir(), 'dbf-chaos-')))
    const volume = join(folder, 'volume')
    await mkdir(volume)
    const mounted = await run('mount', ['-t', 'tmpfs', '-o', `size=${VOLUME_MB}m`, 'tmpfs', volume])
      .then(() => true)
      .catch(() => false)
    const installation = new Installation(docker, folder, mounted ? volume : null, await freePort())
    await installation.gateway.start()
    return installation
  }

  private constructor(docker: DockerodeApi, folder: string, volume: string | null, port: number) {
    this.#docker = docker
    this.#folder = folder
    this.#dataDir = join(folder, 'volume', 'data')
    this.volume = volume
    this.gateway = new GatewayProcess(port, {
      DBFORGE_RUNTIME: 'docker',
      DBFORGE_DATA_DIR: this.#dataDir,
      DBFORGE_SECRETS_DIR: join(folder, 'secrets'),
      // On the disk: what is tried is the databases' volume.
      DBFORGE_STORE_URL: `sqlite:${join(folder, 'store.sqlite')}`,
      DBFORGE_POOL_SQLITE: '1',
      DBFORGE_POOL_POSTGRES: '1',
      DBFORGE_SLEEP_AFTER_SECONDS: '5',
    })
  }

  readonly workers = async () => {
    const found = []
    for (const id of await this.#docker.containersWith('dev.dbforge.instance')) {
      const container = await this.#docker.container(id)
      if (container?.mounts.some(({ source }) => source.startsWith(this.#dataDir)))
        found.push(container)
    }
    return found
  }

  /** Waits until nothing is wrong; what still is, when it takes too long. */
  async settled(): Promise<string[]> {
    const until = performance.now() + SETTLE_MS
    for (;;) {
      const faults = await this.#faults().catch((error: Error) => [error.message])
      if (faults.length === 0 || performance.now() > until) return faults
      await wait(500)
    }
  }

  async #faults(): Promise<string[]> {
    const list = async (query: string) =>
      (await this.gateway.call<{ items: Database[] }>('GET', `/admin/databases?limit=1000${query}`))
        .body.items
    const live = await list('')
    const deleted = await list('&state=deleted')
    const { body } = await this.gateway.call<PlatformStats>('GET', '/admin/stats')
    const faults = [...live, ...deleted].flatMap(({ name, state, desired, reason }) =>
      state === desired ? [] : [`${name} is ${state} and should be ${desired}: ${reason}`],
    )
    for (const [engine, { ready, target }] of Object.entries(body.pool))
      if (ready !== target) faults.push(`the pool of ${engine} has ${ready} of ${target}`)
    const pooled = Object.values(body.pool).reduce((total, { ready }) => total + ready, 0)
    const running = live.filter(({ state }) => state === 'running').length
    const workers = await this.workers()
    if (workers.length !== running + pooled)
      faults.push(`${workers.length} containers for ${running} databases and ${pooled} slots`)
    if (workers.some((worker) => !worker.running)) faults.push('a container does not run')
    const folders = await readdir(join(this.#dataDir, 'databases'))
    if (folders.length !== live.length + deleted.length + pooled)
      faults.push(`${folders.length} folders for ${live.length}, ${deleted.length} and ${pooled}`)
    return faults
  }

  async close(): Promise<void> {
    await this.gateway.kill()
    for (const { id } of await this.workers()) await this.#docker.remove(id)
    if (this.volume) await run('umount', ['-l', this.volume])
    await rm(this.#folder, { recursive: true, force: true })
  }
}
