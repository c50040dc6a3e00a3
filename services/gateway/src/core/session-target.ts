import { join } from 'node:path'
import type { Limits } from '@db-forge/contract'
import { clientSessionsMax, POSTGRES_SOCKET } from '@db-forge/contract/wire'
import type { EngineRegistry } from '../engines/engine-recipe.ts'
import type { DatabaseRow } from '../store/metadata-store.ts'
import type { Activity } from './activity.ts'
import { AppError } from './app-error.ts'
import type { Catalog } from './catalog.ts'
import type { Lifecycle } from './lifecycle.ts'

/** Where the server of a database takes clients. */
export interface SessionTarget {
  readonly databaseId: string
  readonly socketPath: string
  readonly database: string
  readonly sessionsMax: number
  /** To be called whenever a client says something. */
  readonly used: () => void
}

export interface SessionTargetsOptions {
  readonly catalog: Catalog
  readonly lifecycle: Lifecycle
  readonly engines: EngineRegistry
  readonly activity: Pick<Activity, 'used'>
  readonly runDirOf: (id: DatabaseRow['id']) => string
}

/** However many are wanted, the server has room for no more than its memory allows. */
const sessionsMaxOf = ({ memoryMb, connectionsMax }: Limits): number =>
  Math.min(connectionsMax ?? Number.POSITIVE_INFINITY, clientSessionsMax(memoryMb))

/** From a database's name to its server, which is started if it should run and does not. */
export class SessionTargets {
  readonly #o: SessionTargetsOptions

  constructor(options: SessionTargetsOptions) {
    this.#o = options
  }

  /** @throws AppError */
  async find(name: string): Promise<SessionTarget> {
    const row = await this.#o.catalog.lookup(name)
    if (!row) throw new AppError('database.not_found', `“${name}”`)
    if (!this.#o.engines[row.engine].hasSessions)
      throw new AppError('engine.unsupported', `database "${row.name}" is a ${row.engine} database`)
    await this.#o.lifecycle.link(row)
    return {
      databaseId: row.id,
      socketPath: join(this.#o.runDirOf(row.id), POSTGRES_SOCKET),
      database: row.name,
      sessionsMax: sessionsMaxOf(row.limits),
      used: () => this.#o.activity.used(row.id),
    }
  }
}
