import type { WorkerNotice } from '@db-forge/contract/wire'
import { errorFields, log } from '@db-forge/worker-kit'
import { OWNER, READER, sessionRole } from '../server/roles.ts'
import { firstWord } from './first-word.ts'
import type { Platform } from './platform.ts'
import { makesRoom, type Quota } from './quota.ts'
import type { Watchdog } from './watchdog.ts'

const LOOK_EVERY_MS = 1000
/** Near the limit. */
const LOOK_OFTEN_MS = 250
/** A statement that survives its cancellation so long loses its session. */
const TERMINATE_AFTER_MS = 800

export interface QuotaWatchOptions {
  readonly quota: Quota
  readonly platform: Platform
  readonly watchdog: Watchdog
  /** Has the server go by the quota: sessions of clients begin transactions that only read, or no longer. */
  readonly saveSettings: () => Promise<void>
  readonly notify: (notice: WorkerNotice) => void
}

/**
 * Measures the data while anybody may make them grow. Above the limit, transactions of clients are read-only unless they
 * say otherwise, so that who knows of it can still delete; above the ceiling, what grows is ended all the same.
 */
export class QuotaWatch {
  readonly #o: QuotaWatchOptions
  readonly #cancelledAt = new Map<string, number>()
  #toldOver = false
  #lastBytes = 0
  #turn: Promise<void> = Promise.resolve()

  constructor(options: QuotaWatchOptions) {
    this.#o = options
  }

  start(): void {
    this.#lookIn(LOOK_EVERY_MS)
  }

  /** Measures, and has clients told of it; resolves when they are. */
  look(): Promise<void> {
    this.#turn = this.#turn.then(() => this.#look())
    return this.#turn
  }

  #lookIn(ms: number): void {
    setTimeout(() => void this.#lookAgain(), ms).unref()
  }

  async #lookAgain(): Promise<void> {
    const { quota, watchdog } = this.#o
    const busy = watchdog.oldest() !== null || quota.exceeded || (await this.#hasClients())
    if (busy) await this.look()
    this.#lookIn(busy && quota.near ? LOOK_OFTEN_MS : LOOK_EVERY_MS)
  }

  async #look(): Promise<void> {
    const { quota } = this.#o
    try {
      await quota.measure()
      await this.#tell()
      const bytes = quota.dataBytes
      if (quota.farExceeded && bytes >= this.#lastBytes) await this.#endGrowing()
      this.#lastBytes = bytes
    } catch (error) {
      log('warn', 'the size of the database could not be seen to', errorFields(error))
    }
  }

  async #tell(): Promise<void> {
    const { quota, saveSettings, notify } = this.#o
    await saveSettings()
    const over = quota.exceeded
    if (over === this.#toldOver) return
    this.#toldOver = over
    const kind = over ? 'quota.exceeded' : 'quota.ok'
    const detail = over
      ? `the database takes more room than its ${quota.maxSizeMb} MiB allow; nothing that grows is taken`
      : 'the database has room again'
    log(over ? 'warn' : 'info', detail, { kind, bytes: quota.dataBytes })
    notify({ kind, detail, bytes: quota.dataBytes })
  }

  async #hasClients(): Promise<boolean> {
    const rows = await this.#o.platform
      .command(`select 1 from ${ACTIVITY} where usename in ('${OWNER}', '${READER}') limit 1`)
      .catch(() => [])
    return rows.length > 0
  }

  /** Statements under way that have written something or spill, unless they are such as make room. */
  async #endGrowing(): Promise<void> {
    const { quota, platform, watchdog } = this.#o
    const spillers = await quota.spillers()
    const rows = await platform.command(
      `select pid, query_start, backend_xid is not null, query from ${ACTIVITY}
       where usename in (${TENANTS}) and state in ('active', 'fastpath function call')`,
    )
    const seen = new Set<string>()
    for (const [pid, startedAt, writes, query] of rows) {
      const grows = writes === 't' || spillers.has(Number(pid))
      if (!grows || makesRoom(firstWord(query ?? ''))) continue
      const statement = `${pid} ${startedAt}`
      seen.add(statement)
      const interrupt = watchdog.running(Number(pid))
      if (interrupt) watchdog.trip(interrupt, 'quota.exceeded')
      else await this.#end(Number(pid), statement)
    }
    for (const statement of this.#cancelledAt.keys())
      if (!seen.has(statement)) this.#cancelledAt.delete(statement)
  }

  async #end(pid: number, statement: string): Promise<void> {
    const now = performance.now()
    const cancelledAt = this.#cancelledAt.get(statement) ?? now
    this.#cancelledAt.set(statement, cancelledAt)
    const end = now - cancelledAt >= TERMINATE_AFTER_MS ? 'terminate' : 'cancel'
    log('warn', 'a statement of a client is ended: the database is too large', { pid, end })
    await this.#o.platform.command(`select pg_catalog.pg_${end}_backend(${pid})`)
  }
}

const ACTIVITY = 'pg_catalog.pg_stat_activity'
const TENANTS = [OWNER, READER, sessionRole(OWNER), sessionRole(READER)]
  .map((role) => `'${role}'`)
  .join(', ')
