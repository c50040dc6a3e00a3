import type {
  Database,
  DatabaseId,
  DatabaseName,
  DatabaseSpawn,
  EngineName,
  ErrorCode,
  Limits,
  SpawnedDatabase,
} from '@db-forge/contract'
import type { z } from 'zod'
import type { Clock } from '../clock.ts'
import type { EngineRecipe, EngineRegistry } from '../engines/engine-recipe.ts'
import { type DatabaseRow, NameTakenError } from '../store/metadata-store.ts'
import type { Activity } from './activity.ts'
import { AppError } from './app-error.ts'
import type { Catalog } from './catalog.ts'
import { newDatabaseId } from './database-id.ts'
import { type Databases, isLive } from './databases.ts'
import type { DiskGuard } from './disk-guard.ts'
import type { Lifecycle } from './lifecycle.ts'
import { limitsOf, refuseTooLittle } from './limits.ts'
import { isSettled } from './reconciler.ts'
import type { Telemetry } from './telemetry.ts'
import type { WarmPool } from './warm-pool.ts'

type Name = z.output<typeof DatabaseName>

/** Of a name that is taken and given up again all the time. */
const TRIES = 3
const NEW_OWNER = { role: 'owner', endSessions: false } as const

export interface SpawningOptions {
  readonly databases: Databases
  readonly catalog: Catalog
  readonly lifecycle: Lifecycle
  readonly engines: EngineRegistry
  readonly telemetry: Telemetry
  readonly disk: Pick<DiskGuard, 'refuseIfFull'>
  readonly clock: Clock
  readonly activity: Pick<Activity, 'used'>
  readonly pool: Pick<WarmPool, 'take' | 'giveBack' | 'claimed'>
}

/** A request that names itself, so that it can be told from another one for the same name. */
export interface SpawnRequest {
  readonly keyHash: string
  /** It was begun before, by a gateway that has ended. */
  readonly isRepeat: boolean
}

/** How databases come to be. Throws AppError. */
export class Spawning {
  readonly #o: SpawningOptions

  constructor(options: SpawningOptions) {
    this.#o = options
  }

  /** `created` is false when the database was there already, with the options given. */
  async spawn(
    name: Name,
    options: DatabaseSpawn,
    request: SpawnRequest | null = null,
  ): Promise<{ created: boolean; database: SpawnedDatabase }> {
    const existing = this.#o.catalog.findByName(name)
    if (existing && request?.isRepeat && existing.origin === request.keyHash)
      return { created: true, database: await this.#finishSpawn(existing) }
    if (existing) return { created: false, database: await this.#adopt(existing, options) }
    const startedAt = performance.now()
    const engine = this.#o.engines[options.engine ?? 'sqlite']
    refuseTooLittle(engine, options)
    this.#o.disk.refuseIfFull()
    const outcome = (code: 'ok' | ErrorCode) =>
      this.#o.telemetry.spawnFinished(engine.name, code, (performance.now() - startedAt) / 1000)
    try {
      const result = await this.#create(name, options, engine.name, request?.keyHash ?? null)
      if (result.created) outcome('ok')
      return result
    } catch (error) {
      outcome(error instanceof AppError ? error.code : 'server.internal')
      throw error
    }
  }

  async #create(name: Name, options: DatabaseSpawn, engine: EngineName, origin: string | null) {
    const { catalog, lifecycle, engines } = this.#o
    const limits = limitsOf(engines[engine].defaultLimits, options)
    for (let left = TRIES; ; left--) {
      try {
        const { row, isFresh } = await this.#insert(name, engine, limits, origin)
        this.#o.activity.used(row.id)
        const credentials = await this.#firstStart(row, isFresh)
        return { created: true, database: { ...this.#o.databases.get(name), ...credentials } }
      } catch (error) {
        if (!(error instanceof NameTakenError)) throw error
        const winner = await catalog.lookup(name)
        // Who had the name may have given it up meanwhile.
        if (!winner && left > 1) continue
        if (!winner) throw new AppError('database.conflict', `“${name}” comes and goes`)
        await lifecycle.converge(winner.id)
        return { created: false, database: await this.#adopt(winner, options) }
      }
    }
  }

  /** With the id of a worker of the warm pool that can have these limits, if there is one. @throws NameTakenError */
  async #insert(name: Name, engine: EngineName, limits: Limits, origin: string | null) {
    const { catalog, pool, engines } = this.#o
    const draft = {
      id: newDatabaseId(),
      name,
      engine,
      engineVersion: null,
      state: 'starting',
      desired: 'running',
      limits,
      origin,
    } as const
    const recipe = engines[engine]
    const defaults = recipe.defaultLimits
    const { hash } = recipe.workerSpec({ ...draft, generation: 1 })
    const isPooled = hash === poolHash(recipe, draft.id)
    const slot = isPooled ? await pool.take(engine) : undefined
    if (slot) {
      const row = await catalog.claim({ ...draft, id: slot }).catch((error: unknown) => {
        pool.giveBack(engine, slot)
        throw error
      })
      pool.claimed(engine, slot)
      // Others of its bounds the runtime changes as it brings the database up.
      const isFresh = limits.cpus === defaults.cpus && limits.pidsMax === defaults.pidsMax
      if (row) return { row, isFresh }
    }
    return { row: await catalog.insert(draft), isFresh: false }
  }

  /** A spawn that fails leaves nothing behind: no row, and if the runtime answers no container or folder. */
  async #firstStart(
    row: DatabaseRow,
    isFresh: boolean,
  ): Promise<Pick<SpawnedDatabase, 'credentials'>> {
    try {
      await this.#o.lifecycle.converge(row.id, isFresh)
    } catch (error) {
      // Unless somebody else has brought it up meanwhile, and uses it.
      await this.#takeBack(row.id, ({ state }) => state !== 'running')
      throw error
    }
    if (!this.#o.engines[row.engine].hasSessions) return {}
    try {
      return { credentials: await this.#o.databases.renewPassword(row.name, NEW_OWNER) }
    } catch (error) {
      await this.#takeBack(row.id, () => true)
      throw error
    }
  }

  async #takeBack(id: DatabaseId, condition: (row: DatabaseRow) => boolean): Promise<void> {
    const at = this.#o.clock.date().toISOString()
    const taken = await this.#o.catalog.updateIf(id, (row) => isLive(row) && condition(row), {
      desired: 'purged',
      state: 'deleting',
      deletedAt: at,
      purgeAt: at,
    })
    if (taken) await this.#o.lifecycle.converge(id).catch(() => {})
  }

  /** A gateway made it and ended before it could say so; a password that it may have set has reached nobody. */
  async #finishSpawn(row: DatabaseRow): Promise<SpawnedDatabase> {
    const database = await this.#o.databases.start(row.name)
    if (!this.#o.engines[row.engine].hasSessions) return database
    return { ...database, credentials: await this.#o.databases.renewPassword(row.name, NEW_OWNER) }
  }

  /** Spawn of a name that exists: the same options, or a conflict; brings it up if it is not. */
  async #adopt(row: DatabaseRow, options: DatabaseSpawn): Promise<Database> {
    const different = differences(row, options)
    if (different.length > 0)
      throw new AppError('database.conflict', `“${row.name}” has another ${different.join(', ')}`)
    if (!isSettled(row) || row.desired !== 'running') await this.#o.databases.start(row.name)
    return this.#o.databases.get(row.name)
  }
}

/** Of the workers that the warm pool keeps. */
const poolHash = (recipe: EngineRecipe, id: DatabaseId) =>
  recipe.workerSpec({ id, limits: recipe.defaultLimits, generation: 1 }).hash

/** Only options that the caller gave are compared. */
function differences(row: DatabaseRow, options: DatabaseSpawn): string[] {
  const has: Record<string, unknown> = { engine: row.engine, ...row.limits }
  return Object.entries(options)
    .filter(([key, value]) => value !== undefined && has[key] !== value)
    .map(([key]) => key)
}
