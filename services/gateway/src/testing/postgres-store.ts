import { afterAll, beforeAll, describe } from 'vitest'
import { PostgresServer, unavailable } from '../pg-port/testing/postgres-server.ts'

/** A real server for tests of what several gateways share. */
export class StoreServer {
  #server: PostgresServer | undefined
  #databases = 0

  async start(): Promise<void> {
    this.#server = await PostgresServer.start()
  }

  async stop(): Promise<void> {
    await this.#server?.stop()
  }

  /** A new, empty database's address. It sorts as people do, which a store must not depend on. */
  async emptyDatabase(): Promise<string> {
    this.#databases += 1
    const name = `store_${this.#databases}`
    await this.sql(
      `create database ${name} template template0 locale_provider icu icu_locale 'en-US' locale 'C'`,
    )
    return `postgresql://dbforge@/${name}?host=${this.#started.folder}`
  }

  /** As the superuser. */
  sql(text: string, database = 'postgres'): Promise<Record<string, unknown>[]> {
    return this.#started.sql(text, database)
  }

  /** As a server that restarts would; how many there were. @param most the oldest ones, if not all */
  async endConnections(url: string, most = 1_000): Promise<number> {
    const ended = await this.sql(
      `select pg_terminate_backend(pid) from
         (select pid from pg_stat_activity where datname = '${databaseOf(url)}'
          order by backend_start limit ${most}) as ended`,
    )
    return ended.length
  }

  get #started(): PostgresServer {
    if (!this.#server) throw new Error('the server has not been started')
    return this.#server
  }
}

export const databaseOf = (url: string): string =>
  new URL(url.replace('@/', '@localhost/')).pathname.slice(1)

/** Skipped, with the reason in its title, where there is no PostgreSQL. */
export function postgresStoreSuite(name: string, body: (server: StoreServer) => void): void {
  const absence = unavailable()
  describe.skipIf(absence !== null)(absence ? `${name}: skipped, since ${absence}` : name, () => {
    const server = new StoreServer()
    beforeAll(() => server.start())
    afterAll(() => server.stop())
    body(server)
  })
}
