import type {
  ConnectionRole,
  Credentials,
  Database,
  DatabaseId,
  DatabaseName,
  DatabasePatch,
  DatabaseState,
  DatabaseStats,
  EngineName,
  LimitName,
  Limits,
  LogLine,
  PatchedDatabase,
} from '@db-forge/contract'
import type { z } from 'zod'
import type { Clock } from '../clock.ts'
import type { EngineRegistry } from '../engines/engine-recipe.ts'
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
import type { Leadership } from './leadership.ts'
import type { Lifecycle } from './lifecycle.ts'
import { changedLimits, howApplied, keepersOf, limitsOf, refuseTooLittle } from './limits.ts'
import { appErrorOf } from './query-failure.ts'
import type { RunningQueries } from './running-queries.ts'
import { newPassword, scramVerifier } from './scram-verifier.ts'

type Name = z.output<typeof DatabaseName>

export interface DatabasesOptions {
  readonly catalog: Catalog
  readonly store: MetadataStore
  readonly lifecycle: Lifecycle
  readonly runtime: WorkerRuntime
  readonly engines: EngineRegistry
  readonly running: RunningQueries
  /** Bytes in a database's folder. */
  readonly diskUsage: (id: string) => Promise<number>
  readonly leadership: Pick<Leadership, 'term'>
  readonly clock: Clock
  readonly activity: Pick<Activity, 'used'>
  /** How long the data of a deleted database are kept. */
  readonly deletedKeptMs: number
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

  /** The database of this name and those that were deleted before, or of all these the one of this id. */
  doomed(name: Name, id?: DatabaseId): readonly DatabaseRow[] {
    const live = this.#o.catalog.findByName(name)
    const tombstones = this.#o.catalog.tombstones(name)
    const all = live ? [live, ...tombstones] : tombstones
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

export const isLive = ({ deletedAt }: DatabaseRow) => deletedAt === null

const writeCursor = (name: string) => Buffer.from(name).toString('base64url')
const readCursor = (cursor: string) => Buffer.from(cursor, 'base64url').toString()
