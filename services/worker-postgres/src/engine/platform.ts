import { setTimeout as sleep } from 'node:timers/promises'
import type { PasswordCommand } from '@db-forge/contract/wire'
import type { DatabaseName } from '../server/database-name.ts'
import { grants, PLATFORM, withdrawals } from '../server/roles.ts'
import { Backend, ConnectionLost, ServerError } from '../wire/backend.ts'

/** Nothing of a tenant's can stand before what the platform names. */
const SETTINGS = {
  application_name: 'db-forge platform',
  search_path: 'pg_catalog, pg_temp',
  client_min_messages: 'error',
  // Where clients may only read, the platform still has to see to what it keeps in the database.
  default_transaction_read_only: 'off',
  statement_timeout: '10000',
  lock_timeout: '2000',
}
const MESSAGE_BYTES_MAX = 4 * 1024 * 1024
const RETRY_MS = 10
/** What a server says while it starts, recovers or is full. */
const NOT_YET = new Set(['57P03', '57P01', '57P02', '53300'])

/** The database bears another name than was thought. */
export const isUnknownName = (error: unknown): boolean =>
  error instanceof ServerError && error.fields['C'] === '3D000'

export const isNotYet = (error: unknown): boolean =>
  error instanceof ConnectionLost ||
  (error instanceof ServerError && NOT_YET.has(error.fields['C'] ?? ''))

/** The worker's own connection: it ends what runs too long and reads catalogs, and runs nothing that a tenant wrote. */
export class Platform {
  readonly #path: string
  readonly #name: DatabaseName
  #backend: Backend | null = null
  #opening: Promise<Backend> | null = null
  #renamed: Promise<void> = Promise.resolve()

  constructor(path: string, name: DatabaseName) {
    this.#path = path
    this.#name = name
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

  /** Gives the roles what they need and nothing else, whatever a tenant has done to it. */
  async restoreGrants(): Promise<void> {
    await this.confirmName()
    const name = this.#name.current
    // Together they are one transaction, and wait for the disk once.
    await this.command([...withdrawals(name), ...grants(name)].join('; '))
  }

  /** Asks the server what the database is called, where a renaming may have been cut short. */
  async confirmName(): Promise<void> {
    const [row] = await this.command('select pg_catalog.current_database()')
    if (row?.[0]) this.#name.confirm(row[0])
  }

  /** Has clients find the database under another name; one renaming after another. */
  rename(name: string): Promise<void> {
    const renamed = this.#renamed.then(() => this.#rename(name))
    this.#renamed = renamed.catch(() => undefined)
    return renamed
  }

  /**
   * The statement made for it refuses to rename the database that one is connected to, and there is no other here; what it
   * does beyond this change is to keep others out meanwhile. The server's own template gives way where its name is wanted.
   */
  async #rename(name: string): Promise<void> {
    await this.confirmName()
    if (name !== this.#name.current) {
      await this.#name.renaming(name)
      await this.command(
        `set local allow_system_table_mods = on;
         update pg_catalog.pg_database set datname = 'dbforge template ' || oid where datname = '${name}';
         update pg_catalog.pg_database set datname = '${name}' where datname = pg_catalog.current_database()`,
      )
    } else if (!this.#name.inDoubt) return
    await this.#name.renamed(name)
  }

  async setPassword({ role, verifier, endSessions }: PasswordCommand): Promise<void> {
    await this.command(`alter role ${role} password '${verifier}'`)
    if (endSessions)
      await this.command(
        `select pg_catalog.pg_terminate_backend(pid) from pg_catalog.pg_stat_activity where usename = '${role}'`,
      )
  }

  close(): void {
    this.#backend?.end()
  }

  #connected(): Promise<Backend> {
    this.#opening ??= this.#open()
      .then((backend) => {
        this.#backend = backend
        return backend
      })
      .finally(() => {
        this.#opening = null
      })
    return this.#opening
  }

  async #open(): Promise<Backend> {
    const open = () =>
      Backend.open({
        path: this.#path,
        user: PLATFORM,
        database: this.#name.current,
        settings: SETTINGS,
        messageBytesMax: MESSAGE_BYTES_MAX,
      })
    try {
      return await open()
    } catch (error) {
      if (isUnknownName(error) && this.#name.tryOther()) return await open()
      throw error
    }
  }
}
