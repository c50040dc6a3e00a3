import type {
  ConnectionRole,
  Credentials,
  Database,
  DatabaseId,
  DatabaseName,
  DatabasePatch,
  DatabaseSpawn,
  DatabaseState,
  DatabaseStats,
  EngineName,
  ErrorCode,
  LimitName,
  Limits,
  LogLine,
  PatchedDatabase,
  SpawnedDatabase,
} from '@db-forge/contract'
import type { z } from 'zod'
import type { Clock } from '../clock.ts'
import type { EngineRecipe, EngineRegistry } from '../engines/engine-recipe.ts'
import { RuntimeUnavailableError, type WorkerRuntime } from '../runtime/worker-runtime.ts'
import {
  type DatabaseRow,
  listKey,
  type MetadataStore,
  NameTakenError,
} from '../store/metadata-store.ts'
import { SETTINGS_MS } from '../worker-link/control-channel.ts'
import type { Activity } from './activity.ts'
import { AppError } from './app-error.ts'
import type { Catalog } from './catalog.ts'
import { CpuRate } from './cpu-rate.ts'
import { newDatabaseId } from './database-id.ts'
import type { DiskGuard } from './disk-guard.ts'
import type { Leadership } from './leadership.ts'
import type { Lifecycle } from './lifecycle.ts'
import { changedLimits, howApplied, keepersOf, limitsOf, refuseTooLittle } from './limits.ts'
import { appErrorOf } from './query-failure.ts'
import { isSettled } from './reconciler.ts'
import type { RunningQueries } from './running-queries.ts'
import { newPassword, scramVerifier } from './scram-verifier.ts'
import type { Telemetry } from './telemetry.ts'
import type { WarmPool } from './warm-pool.ts'

type Name = z.output<typeof DatabaseName>

/** Of a name that is taken and given up again all the time. */
const TRIES = 3
const NEW_OWNER = { role: 'owner', endSessions: false } as const

export interface DatabasesOptions {
  readonly catalog: Catalog
  readonly store: MetadataStore
  readonly lifecycle: Lifecycle
  readonly runtime: WorkerRuntime
  readonly engines: EngineRegistry
  readonly telemetry: Telemetry
  readonly running: RunningQueries
  /** Bytes in a database's folder. */
  readonly diskUsage: (id: string) => Promise<number>
  readonly disk: Pick<DiskGuard, 'refuseIfFull'>
  readonly leadership: Pick<Leadership, 'term'>
  readonly clock: Clock
  readonly activity: Pick<Activity, 'used'>
  readonly pool: Pick<WarmPool, 'take' | 'giveBack' | 'claimed'>
  /** How long the data of a deleted database are kept. */
  readonly deletedKeptMs: number
}

/** A request that names itself, so that it can be told from another one for the same name. */
export interface SpawnRequest {
  readonly keyHash: string
  /** It was begun before, by a gateway that has ended. */
  readonly isRepeat: boolean
}

/** The use cases of a database's life. Every method throws AppError. */
export class Databases {
  readonly #o: DatabasesOptions
  readonly #cpu = new CpuRate()

  constructor(options: DatabasesOptions) {
    this.#o = options
  }

  /** A database that has been deleted is not found. */
  require(name: Name): DatabaseRow {
    const row = this.#o.catalog.findByName(name)
    if (!row) throw new AppError('database.not_found', `“${name}”`)
    return row
  }

  get(name: Name): Database {
    return this.#o.catalog.present(this.require(name))
  }

  async list(query: {
    state?: DatabaseState | undefined
    engine?: EngineName | undefined
    search?: string | undefined
    limit: number
    cursor?: string | undefined
  }): Promise<{ items: Database[]; nextCursor: string | null }> {
    const after = query.cursor === undefined ? undefined : readCursor(query.cursor)
    const rows = await this.#o.store.databases.list({ ...query, after, limit: query.limit + 1 })
    const page = rows.slice(0, query.limit)
    const last = page.at(-1)
    return {
      items: page.map((row) => this.#o.catalog.present(row)),
      nextCursor: rows.length > page.length && last ? writeCursor(listKey(last)) : null,
    }
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

  async patch(name: Name, patch: DatabasePatch): Promise<PatchedDatabase> {
    const row = this.require(name)
    refuseTooLittle(this.#o.engines[row.engine], patch)
    const limits = limitsOf(row.limits, patch)
    const changed = changedLimits(row.limits, limits)
    const running = row.desired === 'running'
    await this.#apply(row, limits, running ? changed : [])
    return { ...this.get(name), applied: howApplied(changed, running) }
  }

  /** A new password, the one before being good no more. It is not kept. */
  async renewPassword(
    name: Name,
    options: { readonly role: ConnectionRole; readonly endSessions: boolean },
  ): Promise<Credentials> {
    const row = this.require(name)
    if (!this.#o.engines[row.engine].hasSessions)
      throw new AppError('engine.unsupported', `${row.engine} has no passwords`)
    const password = newPassword()
    const link = await this.#o.lifecycle.link(row)
    const verifier = await scramVerifier(password)
    const command = { ...options, verifier, term: this.#o.leadership.term }
    await link.settings.setPassword(command).catch((error: unknown) => {
      throw appErrorOf(error, SETTINGS_MS)
    })
    return this.#credentials(row, options.role, password)
  }

  start(name: Name): Promise<Database> {
    return this.#want(name, 'running')
  }

  stop(name: Name): Promise<Database> {
    const row = this.require(name)
    return row.desired === 'pruned' ? Promise.resolve(this.get(name)) : this.#want(name, 'stopped')
  }

  prune(name: Name): Promise<Database> {
    return this.#want(name, 'pruned')
  }

  /** @throws AppError `database.stopped` for one that would not be woken */
  sleep(name: Name): Promise<Database> {
    this.requireRunning(name)
    return this.#want(name, 'asleep')
  }

  /** Its name is free once this resolves; its data stay for as long as deleted data are kept. */
  async delete(name: Name): Promise<void> {
    const deleted = await this.#bury(this.require(name).id)
    if (!deleted) throw new AppError('database.not_found', `“${name}” has just been deleted`)
  }

  /** False for one that is not live any more. */
  async #bury(id: DatabaseId): Promise<boolean> {
    const now = this.#o.clock.date().getTime()
    const deleted = await this.#o.catalog.updateIf(id, isLive, {
      desired: 'deleted',
      state: 'deleting',
      deletedAt: new Date(now).toISOString(),
      purgeAt: new Date(now + this.#o.deletedKeptMs).toISOString(),
    })
    if (!deleted) return false
    this.#cpu.forget(id)
    this.#o.running.forget(id)
    if (this.#o.deletedKeptMs === 0) await this.#purge(id)
    else await this.#o.lifecycle.converge(id)
    return true
  }

  /**
   * The database of this name and those that were deleted before, or of the deleted ones the one of this id: what a
   * purge is to destroy.
   */
  doomed(name: Name, id?: DatabaseId): readonly DatabaseRow[] {
    const live = this.#o.catalog.findByName(name)
    const tombstones = this.#o.catalog.tombstones(name)
    const all = live && id === undefined ? [live, ...tombstones] : tombstones
    const doomed = id === undefined ? all : all.filter((row) => row.id === id)
    if (doomed.length === 0) throw new AppError('database.not_found', `“${name}”`)
    return doomed
  }

  /** Destroys a database and its data, whatever its state; one that is gone is none to destroy. */
  async destroy(id: DatabaseId): Promise<void> {
    if (this.#o.catalog.get(id)?.deletedAt === null) await this.#bury(id)
    await this.#purge(id)
  }

  /** @throws AppError `database.conflict` where the name is taken */
  async undelete(
    name: Name,
    options: { readonly id?: DatabaseId | undefined; readonly name?: Name | undefined },
  ): Promise<Database> {
    const tombstone = this.#o.catalog
      .tombstones(name)
      .find(({ id, desired }) => desired === 'deleted' && (!options.id || options.id === id))
    if (!tombstone)
      throw new AppError('database.not_found', `no deleted “${name}” whose data are still there`)
    const newName = options.name ?? tombstone.name
    const back = await this.#o.catalog
      .updateIf(tombstone.id, ({ desired }) => desired === 'deleted', {
        name: newName,
        deletedAt: null,
        purgeAt: null,
        desired: 'running',
      })
      .catch((error: unknown) => {
        if (!(error instanceof NameTakenError)) throw error
        throw new AppError(
          'database.conflict',
          `there is a “${newName}”; bring it back by another name`,
        )
      })
    if (!back) throw new AppError('database.not_found', `“${name}” is being destroyed`)
    await this.#o.lifecycle.converge(back.id)
    return this.get(newName)
  }

  async *logs(
    name: Name,
    options: { follow: boolean; tail: number; signal: AbortSignal },
  ): AsyncIterable<LogLine> {
    const row = this.require(name)
    for await (const { at, stream, line } of this.#o.runtime.logs(row.id, options))
      yield { at: at.toISOString(), stream, line }
  }

  async stats(name: Name): Promise<DatabaseStats> {
    const row = this.require(name)
    const [usage, info, usedBytes, health] = await Promise.all([
      this.#ask(() => this.#o.runtime.usage(row.id)),
      this.#ask(() => this.#o.runtime.inspect(row.id)),
      this.#o.diskUsage(row.id),
      this.#o.lifecycle.health(row.id),
    ])
    const since = info?.state.status === 'running' ? info.state.since : null
    const uptimeSeconds = since ? Math.max(0, (Date.now() - since.getTime()) / 1000) : null
    return {
      state: row.state,
      uptimeSeconds,
      cpu: usage && {
        seconds: usage.cpuSeconds,
        percent: this.#cpu.percent(row.id, usage.cpuSeconds, uptimeSeconds ?? 0),
      },
      memory: usage && { usedBytes: usage.memoryBytes, limitBytes: usage.memoryLimitBytes },
      disk: {
        usedBytes,
        limitBytes: row.limits.maxSizeMb * 1024 * 1024,
        walBytes: health?.walBytes ?? null,
      },
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
        return { created: true, database: { ...this.get(name), ...credentials } }
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
      return { credentials: await this.renewPassword(row.name, NEW_OWNER) }
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
    const database = await this.#want(row.name, 'running')
    if (!this.#o.engines[row.engine].hasSessions) return database
    return { ...database, credentials: await this.renewPassword(row.name, NEW_OWNER) }
  }

  async #purge(id: DatabaseId): Promise<void> {
    const purged = await this.#o.catalog.updateIf(id, ({ deletedAt }) => deletedAt !== null, {
      desired: 'purged',
      state: 'deleting',
    })
    if (purged) await this.#o.lifecycle.converge(id)
  }

  /** @throws AppError `database.stopped` for one that neither runs nor would be woken */
  requireRunning(name: Name): DatabaseRow {
    const row = this.require(name)
    if (row.desired !== 'running' && row.desired !== 'asleep')
      throw new AppError('database.stopped', `“${row.name}” is ${row.desired}; start it instead`)
    return row
  }

  /** Spawn of a name that exists: the same options, or a conflict; brings it up if it is not. */
  async #adopt(row: DatabaseRow, options: DatabaseSpawn): Promise<Database> {
    const different = differences(row, options)
    if (different.length > 0)
      throw new AppError('database.conflict', `“${row.name}” has another ${different.join(', ')}`)
    if (!isSettled(row) || row.desired !== 'running') await this.#want(row.name, 'running')
    return this.get(row.name)
  }

  async #want(name: Name, desired: 'running' | 'asleep' | 'stopped' | 'pruned'): Promise<Database> {
    const row = this.require(name)
    // Whoever deletes it at the same moment has the last word.
    if (!(await this.#o.catalog.updateIf(row.id, isLive, { desired })))
      throw new AppError('database.not_found', `“${name}” has just been deleted`)
    if (desired === 'running') this.#o.activity.used(row.id)
    await this.#o.lifecycle.converge(row.id)
    return this.get(name)
  }

  #credentials(row: DatabaseRow, role: ConnectionRole, password: string): Credentials {
    const { connection } = this.#o.catalog.present(row)
    const url = connection && new URL(connection.url)
    if (url) Object.assign(url, { username: role, password })
    return { role, user: role, password, url: url?.href ?? null }
  }

  /** What neither the runtime nor the worker keeps, the gateway looks up each time. */
  async #apply(row: DatabaseRow, limits: Limits, changed: readonly LimitName[]): Promise<void> {
    const { catalog, lifecycle, leadership } = this.#o
    const { byRuntime, byWorker } = keepersOf(changed)
    // The gateway that leads sees to rows that are not settled; this one waits until they are.
    const elsewhere = leadership.term === null && (byRuntime || byWorker)
    await catalog.updateIf(row.id, isLive, elsewhere ? { limits, state: 'starting' } : { limits })
    if (byRuntime || elsewhere) await lifecycle.converge(row.id)
    else if (byWorker)
      await lifecycle.reconfigure(row.id).catch((error: unknown) => {
        throw appErrorOf(error, SETTINGS_MS)
      })
  }

  #ask<T>(question: () => Promise<T>): Promise<T> {
    return question().catch((error: unknown) => {
      if (!(error instanceof RuntimeUnavailableError)) throw error
      throw new AppError('runtime.unavailable', undefined, { cause: error, retryAfterSeconds: 5 })
    })
  }
}

const isLive = ({ deletedAt }: DatabaseRow) => deletedAt === null

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

const writeCursor = (name: string) => Buffer.from(name).toString('base64url')
const readCursor = (cursor: string) => Buffer.from(cursor, 'base64url').toString()
