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

  /** As the superuser, in no store's database. */
  sql(text: string): Promise<Record<string, unknown>[]> {
    return this.#started.sql(text, 'postgres')
  }

  /** As a server that restarts would. */
  async endConnections(url: string): Promise<void> {
    const name = new URL(url.replace('@/', '@localhost/')).pathname.slice(1)
    await this.sql(
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}'`,
    )
  }

  get #started(): PostgresServer {
    if (!this.#server) throw new Error('the server has not been started')
    return this.#server
  }
}

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
