import { setTimeout as sleep } from 'node:timers/promises'
import { DATABASE, GRANTS, PLATFORM } from '../server/roles.ts'
import { Backend, ConnectionLost, ServerError } from '../wire/backend.ts'

/** Nothing of a tenant's can stand before what the platform names. */
const SETTINGS = {
  application_name: 'db-forge platform',
  search_path: 'pg_catalog, pg_temp',
  client_min_messages: 'error',
  statement_timeout: '10000',
  lock_timeout: '2000',
}
const MESSAGE_BYTES_MAX = 4 * 1024 * 1024
const RETRY_MS = 10
/** What a server says while it starts, recovers or is full. */
const NOT_YET = new Set(['57P03', '57P01', '57P02', '53300'])

export const isNotYet = (error: unknown): boolean =>
  error instanceof ConnectionLost ||
  (error instanceof ServerError && NOT_YET.has(error.fields['C'] ?? ''))

/** The worker's own connection: it ends what runs too long and reads catalogs, and runs nothing that a tenant wrote. */
export class Platform {
  readonly #path: string
  #backend: Backend | null = null
  #opening: Promise<Backend> | null = null

  constructor(path: string) {
    this.#path = path
  }

  async command(sql: string): Promise<(string | null)[][]> {
    const backend = this.#backend && !this.#backend.closed ? this.#backend : await this.#connected()
    return backend.command(sql)
  }

  /** Waits until the server accepts connections. */
  async ready(): Promise<void> {
    for (;;) {
      try {
        await this.#connected()
        return
      } catch (error) {
        if (!isNotYet(error)) throw error
        await sleep(RETRY_MS)
      }
    }
  }

  /** Gives the roles what they need, whatever a tenant has done to it. */
  async restoreGrants(): Promise<void> {
    for (const sql of GRANTS) await this.command(sql)
  }

  close(): void {
    this.#backend?.end()
  }

  #connected(): Promise<Backend> {
    this.#opening ??= Backend.open({
      path: this.#path,
      user: PLATFORM,
      database: DATABASE,
      settings: SETTINGS,
      messageBytesMax: MESSAGE_BYTES_MAX,
    })
      .then((backend) => {
        this.#backend = backend
        return backend
      })
      .finally(() => {
        this.#opening = null
      })
    return this.#opening
  }
}
