import { errorFields, log } from '@db-forge/worker-kit'
import { OWNER, READER } from '../server/roles.ts'
import type { Platform } from './platform.ts'

const LOOK_EVERY_MS = 250
/** A statement that survives its cancellation so long loses its session. */
const TERMINATE_AFTER_MS = 800
/** A transaction that is open and asked nothing keeps others from its locks, and dead rows from being taken away. */
const IDLE_IN_TRANSACTION_MS = 120_000

/**
 * Ends what sessions of clients run for longer than they may. They can set `statement_timeout` as they please; this asks
 * from outside, as the platform.
 */
export class SessionWatch {
  readonly #platform: Platform
  readonly #cancelledAt = new Map<string, number>()
  #limitMs = 0
  #timer: NodeJS.Timeout | undefined
  #looking = false

  constructor(platform: Platform) {
    this.#platform = platform
  }

  /** 0 for no limit. */
  set limitMs(limitMs: number) {
    this.#limitMs = limitMs
    clearInterval(this.#timer)
    this.#timer =
      limitMs > 0 ? setInterval(() => void this.#look(), LOOK_EVERY_MS).unref() : undefined
  }

  async #look(): Promise<void> {
    if (this.#looking) return
    this.#looking = true
    try {
      await this.#endIdle()
      await this.#endLong()
    } catch (error) {
      log('warn', 'the sessions of clients could not be looked at', errorFields(error))
    } finally {
      this.#looking = false
    }
  }

  async #endIdle(): Promise<void> {
    const limitMs = Math.max(this.#limitMs, IDLE_IN_TRANSACTION_MS)
    await this.#platform.command(
      `select pg_catalog.pg_terminate_backend(pid) from ${CLIENTS} and state like 'idle in transaction%' and ${longerThan('state_change', limitMs)}`,
    )
  }

  async #endLong(): Promise<void> {
    const rows = await this.#platform.command(
      `select pid, query_start from ${CLIENTS} and state in ('active', 'fastpath function call') and ${longerThan('query_start', this.#limitMs)}`,
    )
    const now = performance.now()
    const running = new Set<string>()
    for (const [pid, startedAt] of rows) {
      const statement = `${pid} ${startedAt}`
      running.add(statement)
      const cancelledAt = this.#cancelledAt.get(statement) ?? now
      this.#cancelledAt.set(statement, cancelledAt)
      const end =
        now - cancelledAt >= TERMINATE_AFTER_MS ? 'pg_terminate_backend' : 'pg_cancel_backend'
      await this.#platform.command(`select pg_catalog.${end}(${Number(pid)})`)
    }
    for (const statement of this.#cancelledAt.keys())
      if (!running.has(statement)) this.#cancelledAt.delete(statement)
  }
}

const CLIENTS = `pg_catalog.pg_stat_activity where usename in ('${OWNER}', '${READER}')`

const longerThan = (since: string, ms: number) =>
  `pg_catalog.clock_timestamp() - ${since} > interval '${Math.floor(ms)} milliseconds'`
