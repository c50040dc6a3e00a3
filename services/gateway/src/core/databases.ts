import type {
  ConnectionRole,
  Credentials,
  Database,
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
import { limitsByRestart } from '@db-forge/contract'
import type { z } from 'zod'
import type { EngineRecipe, EngineRegistry } from '../engines/engine-recipe.ts'
import { RuntimeUnavailableError, type WorkerRuntime } from '../runtime/worker-runtime.ts'
import { type DatabaseRow, type MetadataStore, NameTakenError } from '../store/metadata-store.ts'
import { SETTINGS_MS } from '../worker-link/control-channel.ts'
import { AppError } from './app-error.ts'
import type { Catalog } from './catalog.ts'
import { CpuRate } from './cpu-rate.ts'
import { newDatabaseId } from './database-id.ts'
import type { DiskGuard } from './disk-guard.ts'
import type { Lifecycle } from './lifecycle.ts'
import { appErrorOf } from './query-failure.ts'
import type { RunningQueries } from './running-queries.ts'
import { newPassword, scramVerifier } from './scram-verifier.ts'
import type { Telemetry } from './telemetry.ts'

type Name = z.output<typeof DatabaseName>

const KEPT_BY_RUNTIME: ReadonlySet<LimitName> = new Set(['memoryMb', 'cpus', 'pidsMax'])
const KEPT_BY_WORKER: ReadonlySet<LimitName> = new Set(['maxSizeMb', 'sessionQueryTimeoutMs'])

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
  /** Which term of leadership this gateway is in. */
  readonly term: () => number
}

/** The use cases of a database's life. Every method throws AppError. */
export class Databases {
  readonly #o: DatabasesOptions
  readonly #cpu = new CpuRate()

  constructor(options: DatabasesOptions) {
    this.#o = options
  }

  /** A database that is being deleted is not found. */
  require(name: Name): DatabaseRow {
    const row = this.#o.catalog.findByName(name)
    if (!row || row.desired === 'deleted') throw new AppError('database.not_found', `“${name}”`)
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
      nextCursor: rows.length > page.length && last ? writeCursor(last.name) : null,
    }
  }

  /** `created` is false when the database was there already, with the options given. */
  async spawn(
    name: Name,
    options: DatabaseSpawn,
  ): Promise<{ created: boolean; database: SpawnedDatabase }> {
    const existing = this.#o.catalog.findByName(name)
    if (existing?.desired === 'deleted') await this.#o.lifecycle.converge(existing.id)
    else if (existing) return { created: false, database: await this.#adopt(existing, options) }
    const startedAt = performance.now()
    const engine = this.#o.engines[options.engine ?? 'sqlite']
    refuseTooLittle(engine, options)
    this.#o.disk.refuseIfFull()
    const outcome = (code: 'ok' | ErrorCode) =>
      this.#o.telemetry.spawnFinished(engine.name, code, (performance.now() - startedAt) / 1000)
    try {
      const result = await this.#create(name, options, engine.name)
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
    await this.#o.catalog.update(row.id, { limits })
    const changed = changedLimits(row.limits, limits)
    const running = row.desired === 'running'
    if (running) await this.#apply(row, changed)
    const restarts = (limit: LimitName) => running && limitsByRestart.includes(limit)
    return {
      ...this.get(name),
      applied: {
        live: changed.filter((limit) => !restarts(limit)),
        restart: changed.filter(restarts),
      },
    }
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
    const command = { ...options, verifier, term: this.#o.term() }
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

  async restart(name: Name): Promise<Database> {
    const row = this.require(name)
    if (row.desired !== 'running')
      throw new AppError('database.stopped', `“${row.name}” is ${row.desired}; start it instead`)
    await this.#o.lifecycle.restart(row.id)
    return this.get(name)
  }

  async delete(name: Name): Promise<void> {
    const row = this.require(name)
    await this.#o.catalog.update(row.id, { desired: 'deleted', state: 'deleting' })
    await this.#o.lifecycle.converge(row.id)
    this.#cpu.forget(row.id)
    this.#o.running.forget(row.id)
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

  async #create(name: Name, options: DatabaseSpawn, engine: EngineName) {
    const { catalog, lifecycle } = this.#o
    const limits = limitsOf(this.#o.engines[engine].defaultLimits, options)
    try {
      const row = await catalog.insert({
        id: newDatabaseId(),
        name,
        engine,
        engineVersion: null,
        state: 'starting',
        desired: 'running',
        limits,
        origin: null,
      })
      const credentials = await this.#firstStart(row)
      return { created: true, database: { ...this.get(name), ...credentials } }
    } catch (error) {
      const winner = error instanceof NameTakenError ? catalog.findByName(name) : undefined
      if (!winner) throw error
      await lifecycle.converge(winner.id)
      return { created: false, database: await this.#adopt(winner, options) }
    }
  }

  /** A spawn that fails leaves nothing behind: no row, and if the runtime answers no container or folder. */
  async #firstStart(row: DatabaseRow): Promise<Pick<SpawnedDatabase, 'credentials'>> {
    try {
      await this.#o.lifecycle.converge(row.id)
      if (!this.#o.engines[row.engine].hasSessions) return {}
      return { credentials: await this.renewPassword(row.name, NEW_OWNER) }
    } catch (error) {
      await this.#o.catalog.update(row.id, { desired: 'deleted', state: 'deleting' })
      await this.#o.lifecycle.converge(row.id).catch(() => {})
      throw error
    }
  }

  /** Spawn of a name that exists: the same options, or a conflict; brings it up if it is not. */
  async #adopt(row: DatabaseRow, options: DatabaseSpawn): Promise<Database> {
    const different = differences(row, options)
    if (different.length > 0)
      throw new AppError('database.conflict', `“${row.name}” has another ${different.join(', ')}`)
    if (row.desired !== 'running' || row.state !== 'running') await this.#want(row.name, 'running')
    return this.get(row.name)
  }

  async #want(name: Name, desired: 'running' | 'stopped' | 'pruned'): Promise<Database> {
    const row = this.require(name)
    await this.#o.catalog.update(row.id, { desired })
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
  async #apply(row: DatabaseRow, changed: readonly LimitName[]): Promise<void> {
    if (changed.some((limit) => KEPT_BY_RUNTIME.has(limit)))
      await this.#o.lifecycle.converge(row.id)
    else if (changed.some((limit) => KEPT_BY_WORKER.has(limit)))
      await this.#o.lifecycle.reconfigure(row.id).catch((error: unknown) => {
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

/** @throws AppError `request.invalid` for less memory than the engine can work with. */
function refuseTooLittle({ name, memoryMbMin }: EngineRecipe, { memoryMb }: DatabasePatch): void {
  if (memoryMb === undefined || memoryMb >= memoryMbMin) return
  const detail = `at least ${memoryMbMin} for ${name}`
  throw new AppError('request.invalid', `#/memoryMb: ${detail}`, {
    extra: { errors: [{ pointer: '#/memoryMb', detail }] },
  })
}

function limitsOf(base: Limits, changes: DatabasePatch): Limits {
  return {
    memoryMb: changes.memoryMb ?? base.memoryMb,
    cpus: changes.cpus ?? base.cpus,
    maxSizeMb: changes.maxSizeMb ?? base.maxSizeMb,
    queryTimeoutMs: changes.queryTimeoutMs ?? base.queryTimeoutMs,
    sessionQueryTimeoutMs: changes.sessionQueryTimeoutMs ?? base.sessionQueryTimeoutMs,
    sleepAfterMs: changes.sleepAfterMs === undefined ? base.sleepAfterMs : changes.sleepAfterMs,
    connectionsMax:
      changes.connectionsMax === undefined ? base.connectionsMax : changes.connectionsMax,
    pidsMax: changes.pidsMax === undefined ? base.pidsMax : changes.pidsMax,
  }
}

const changedLimits = (before: Limits, after: Limits): LimitName[] =>
  (Object.keys(after) as LimitName[]).filter((limit) => before[limit] !== after[limit])

/** Only options that the caller gave are compared. */
function differences(row: DatabaseRow, options: DatabaseSpawn): string[] {
  const has: Record<string, unknown> = { engine: row.engine, ...row.limits }
  return Object.entries(options)
    .filter(([key, value]) => value !== undefined && has[key] !== value)
    .map(([key]) => key)
}

const writeCursor = (name: string) => Buffer.from(name).toString('base64url')
const readCursor = (cursor: string) => Buffer.from(cursor, 'base64url').toString()
