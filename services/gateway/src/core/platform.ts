import type { Discovery, Health, HealthCheck, PlatformStats } from '@db-forge/contract'
import type { WorkerRuntime } from '../runtime/worker-runtime.ts'
import type { MetadataStore } from '../store/metadata-store.ts'
import type { Catalog } from './catalog.ts'
import type { DiskGuard } from './disk-guard.ts'

const CHECK_TIMEOUT_MS = 2000
/** Below this share of free space the volume is a warning; below its floor, an error. */
const DISK_WARNING = 0.1
const MIB = 1024 * 1024

export interface PlatformOptions {
  readonly version: string
  readonly disk: Pick<DiskGuard, 'volume'>
  readonly store: MetadataStore
  readonly runtime: WorkerRuntime
  readonly runtimeReason: string
  readonly catalog: Catalog
  readonly leads: () => boolean
  readonly pool: () => PlatformStats['pool']
  readonly deletedKeptMs: number
  readonly diskUsage: (id: string) => Promise<number>
  readonly requests: () => { readonly total: number; readonly errors: number }
}

/** What concerns the installation as a whole. */
export class Platform {
  readonly #o: PlatformOptions
  readonly #startedAt = performance.now()

  constructor(options: PlatformOptions) {
    this.#o = options
  }

  async health(): Promise<Health> {
    const [store, runtime, disk] = await Promise.all([
      check(() => this.#o.store.ping().then(() => ({ status: 'ok' }))),
      check(() =>
        this.#o.runtime.ping().then(() => ({ status: 'ok', detail: this.#runtimeDetail() })),
      ),
      check(() => this.#checkDisk()),
    ])
    const checks = { store, runtime, disk }
    const failed = Object.values(checks).some(({ status }) => status === 'error')
    return {
      status: failed ? 'unhealthy' : 'healthy',
      version: this.#o.version,
      uptimeSeconds: this.#uptimeSeconds(),
      checks,
    }
  }

  /** Whether requests should be sent here. On a full volume they should: databases are still read. */
  async isReady(): Promise<boolean> {
    const { store, runtime } = (await this.health()).checks
    return store.status !== 'error' && runtime.status !== 'error'
  }

  async stats(): Promise<PlatformStats> {
    const all = this.#o.catalog.all()
    const rows = all.filter(({ deletedAt }) => deletedAt === null)
    const byState: PlatformStats['databases']['byState'] = {}
    for (const { state } of rows) byState[state] = (byState[state] ?? 0) + 1
    const sizes = await Promise.all(all.map((row) => this.#o.diskUsage(row.id)))
    const cpu = process.cpuUsage()
    return {
      version: this.#o.version,
      uptimeSeconds: this.#uptimeSeconds(),
      runtime: {
        kind: this.#o.runtime.kind,
        reason: this.#o.runtimeReason,
        isolation: this.#o.runtime.isolation,
      },
      databases: {
        total: rows.length,
        byState,
        sizeBytes: sizes.reduce((sum, size) => sum + size, 0),
        deletedKeptMs: this.#o.deletedKeptMs,
      },
      pool: this.#o.pool(),
      gateway: {
        memoryBytes: process.memoryUsage.rss(),
        cpuSeconds: (cpu.user + cpu.system) / 1e6,
        leads: this.#o.leads(),
      },
      disk: await this.#o.disk.volume(),
      requests: this.#o.requests(),
    }
  }

  discovery(): Discovery {
    const databases = this.#o.catalog
      .all()
      .filter(({ deletedAt }) => deletedAt === null)
      .map(({ name, engine, state }) => ({
        name,
        engine,
        state,
        queryUrl: `/api/db/${name}/query`,
      }))
    return {
      databases: databases.sort((a, b) => (a.name.toLowerCase() < b.name.toLowerCase() ? -1 : 1)),
    }
  }

  #uptimeSeconds(): number {
    return (performance.now() - this.#startedAt) / 1000
  }

  #runtimeDetail(): string {
    return `${this.#o.runtime.kind}: ${this.#o.runtime.isolation}`
  }

  async #checkDisk(): Promise<HealthCheck> {
    const { totalBytes, freeBytes, floorBytes, readOnly } = await this.#o.disk.volume()
    const free = `${Math.round(freeBytes / MIB)} MiB free`
    if (readOnly)
      return {
        status: 'error',
        detail: `${free}, of which ${Math.ceil(floorBytes / MIB)} MiB are to stay free: databases only read`,
      }
    return { status: freeBytes < totalBytes * DISK_WARNING ? 'warning' : 'ok', detail: free }
  }
}

async function check(question: () => Promise<HealthCheck>): Promise<HealthCheck> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<HealthCheck>((resolve) => {
    timer = setTimeout(
      () => resolve({ status: 'error', detail: `no answer in ${CHECK_TIMEOUT_MS} ms` }),
      CHECK_TIMEOUT_MS,
    )
  })
  try {
    return await Promise.race([question(), late])
  } catch (error) {
    return { status: 'error', detail: (error as Error).message }
  } finally {
    clearTimeout(timer)
  }
}
