import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { WorkerFailure } from '@db-forge/worker-kit'

const MB = 1024 * 1024
/** What an empty database takes. */
const BASE_MB = 64
/** Between the limit and the ceiling, beyond which nothing that grows is let go on. */
const CEILING = { times: 1.1, plusMb: 64 }
/** A database that was over its limit has room again only below this share of it, so that it does not go to and fro. */
const AGAIN = 0.98

const GROWING = new Set(['insert', 'update', 'create', 'merge', 'copy', 'refresh', 'import'])
/** What makes room, or takes none. */
const SHRINKING = new Set(['delete', 'drop', 'truncate', 'vacuum'])

export const makesRoom = (firstWord: string): boolean => SHRINKING.has(firstWord)

/** The database is too large, or the volume has no room. */
export type Refusal = 'quota' | 'disk'

export interface DiskUse {
  readonly diskBytes: number
  readonly walBytes: number
  readonly tempBytes: number
}

/** How much the data may take, and whether the volume has room. PostgreSQL has no such limits. */
export class Quota {
  maxSizeMb: number
  /** The volume has no room. */
  diskFull = false
  readonly #data: string
  #exceeded = false
  #use: DiskUse = { diskBytes: 0, walBytes: 0, tempBytes: 0 }

  constructor(data: string, maxSizeMb: number) {
    this.#data = data
    this.maxSizeMb = maxSizeMb
  }

  /** Over its limit. */
  get exceeded(): boolean {
    return this.#exceeded
  }

  /** So far over it that whatever grows is ended. */
  get farExceeded(): boolean {
    const { times, plusMb } = CEILING
    return this.dataBytes > ((this.maxSizeMb + BASE_MB) * times + plusMb) * MB
  }

  /** So near to it that it has to be looked at often. */
  get near(): boolean {
    return this.dataBytes > this.#limitBytes * 0.8
  }

  get refusal(): Refusal | null {
    if (this.#exceeded) return 'quota'
    return this.diskFull ? 'disk' : null
  }

  /** The write-ahead log has bounds of its own. */
  get dataBytes(): number {
    return this.#use.diskBytes - this.#use.walBytes
  }

  get #limitBytes(): number {
    return (this.maxSizeMb + BASE_MB) * MB
  }

  /** @throws WorkerFailure for a statement that would take more room. DELETE, DROP and TRUNCATE give it back. */
  refuseGrowth(firstWord: string): void {
    const refusal = GROWING.has(firstWord) && this.refused()
    if (refusal) throw refusal
  }

  /** What a statement that would grow is told; null while it may. */
  refused(): WorkerFailure | null {
    if (this.refusal === null) return null
    return this.refusal === 'quota'
      ? new WorkerFailure(
          'quota.exceeded',
          'the database has reached its size limit; delete or drop something, then VACUUM',
        )
      : new WorkerFailure(
          'disk.full',
          'the volume has no room left: only what deletes, drops or reads is run',
        )
  }

  async measure(): Promise<DiskUse> {
    const [diskBytes, walBytes, tempBytes] = await Promise.all([
      bytesIn(this.#data),
      bytesIn(join(this.#data, 'pg_wal')),
      bytesIn(this.#spillDir),
    ])
    this.#use = { diskBytes, walBytes, tempBytes }
    const limit = this.#exceeded ? this.#limitBytes * AGAIN : this.#limitBytes
    this.#exceeded = this.dataBytes > limit
    return this.#use
  }

  /** Server processes whose queries have spilled to disk. */
  async spillers(): Promise<Set<number>> {
    const names = await readdir(this.#spillDir).catch(() => [])
    return new Set(names.map((name) => Number(/^pgsql_tmp(\d+)\./.exec(name)?.[1] ?? 0)))
  }

  get #spillDir(): string {
    return join(this.#data, 'base', 'pgsql_tmp')
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
