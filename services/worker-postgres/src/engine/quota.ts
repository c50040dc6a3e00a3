import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { WorkerFailure } from '@db-forge/worker-kit'

const MB = 1024 * 1024
/** What an empty database takes, and what the write-ahead log may. */
const BASE_MB = 64
const GROWING = new Set(['insert', 'update', 'create', 'merge', 'copy', 'refresh', 'import'])

export interface DiskUse {
  readonly diskBytes: number
  readonly walBytes: number
  readonly tempBytes: number
}

/** How much the data may take. PostgreSQL has no such limit: what honestly grows is refused, what grows on is ended. */
export class Quota {
  readonly #data: string
  readonly #maxBytes: number
  use: DiskUse = { diskBytes: 0, walBytes: 0, tempBytes: 0 }

  constructor(data: string, maxSizeMb: number) {
    this.#data = data
    this.#maxBytes = (maxSizeMb + BASE_MB) * MB
  }

  get exceeded(): boolean {
    return this.#dataBytes > this.#maxBytes
  }

  /** So far over that whatever runs must be what grows. */
  get farExceeded(): boolean {
    return this.#dataBytes > this.#maxBytes * 2
  }

  /** The write-ahead log has bounds of its own. */
  get #dataBytes(): number {
    return this.use.diskBytes - this.use.walBytes
  }

  /** @throws WorkerFailure for a statement that would take more room. DELETE, DROP and TRUNCATE give it back. */
  refuseGrowth(firstWord: string): void {
    if (this.exceeded && GROWING.has(firstWord))
      throw new WorkerFailure(
        'quota.exceeded',
        'the database has reached its size limit; delete or drop something, then VACUUM',
      )
  }

  async measure(): Promise<DiskUse> {
    const [diskBytes, walBytes, tempBytes] = await Promise.all([
      bytesIn(this.#data),
      bytesIn(join(this.#data, 'pg_wal')),
      bytesIn(join(this.#data, 'base', 'pgsql_tmp')),
    ])
    this.use = { diskBytes, walBytes, tempBytes }
    return this.use
  }
}

/** What lies in a folder that is changing all the time. */
async function bytesIn(dir: string): Promise<number> {
  const entries = await readdir(dir, { withFileTypes: true }).catch(() => [])
  let sum = 0
  for (const entry of entries) {
    const path = join(dir, entry.name)
    if (entry.isDirectory()) sum += await bytesIn(path)
    else
      sum += await stat(path).then(
        ({ blocks }) => blocks * 512,
        () => 0,
      )
  }
  return sum
}
