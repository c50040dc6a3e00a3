import { statfs } from 'node:fs/promises'
import type { Discovery, Health, HealthCheck, PlatformStats } from '@db-forge/contract'
import type { WorkerRuntime } from '../runtime/worker-runtime.ts'
import type { MetadataStore } from '../store/metadata-store.ts'
import type { Catalog } from './catalog.ts'

const CHECK_TIMEOUT_MS = 2000
/** Below this share of free space the volume is a warning; below the floor, an error. */
const DISK_WARNING = 0.1
const DISK_FLOOR_BYTES = 64 * 1024 * 1024

export interface PlatformOptions {
  readonly version: string
  readonly dataDir: string
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
      disk: await this.#disk(),
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

  async #disk(): Promise<PlatformStats['disk']> {
    const { bsize, blocks, bavail } = await statfs(this.#o.dataDir)
    return { totalBytes: bsize * blocks, freeBytes: bsize * bavail }
  }

  async #checkDisk(): Promise<HealthCheck> {
    const { totalBytes, freeBytes } = await this.#disk()
    const detail = `${Math.round(freeBytes / 1024 / 1024)} MiB free`
    if (freeBytes < DISK_FLOOR_BYTES) return { status: 'error', detail }
    return { status: freeBytes < totalBytes * DISK_WARNING ? 'warning' : 'ok', detail }
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
