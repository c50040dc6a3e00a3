import type { Connection } from '@db-forge/contract'
import type { Logger } from 'pino'
import type { PgConfig } from '../config.ts'
import { ownCertificate, readCertificate } from './certificate.ts'
import { PgPort, type PgPortOptions, type PgTarget, type PgTelemetry } from './pg-port.ts'
import { refusalOf } from './refusal-of.ts'

const STARTUP_MS = 15_000

export interface SessionPortOptions {
  /** Null where no clients are to be served. */
  readonly config: PgConfig | null
  readonly host: string
  readonly secretsDir: string
}

/** Finds the server of a database, and starts it if need be. @throws AppError */
export interface Targets {
  find(name: string): Promise<PgTarget>
}

/** The port as it is listened on, and how users are told of it. */
export interface OpenPort {
  readonly host: string
  readonly port: number
}

/** The port for PostgreSQL's clients, as it is set, from before it is opened to its end. */
export class SessionPort {
  readonly #o: SessionPortOptions
  #pgPort: PgPort | null = null
  #open: OpenPort | null = null

  constructor(options: SessionPortOptions) {
    this.#o = options
  }

  /**
   * Null where there is to be none.
   * @throws Error if the certificate cannot be had, or the port that was asked for is taken
   */
  async listen(
    targets: Targets,
    telemetry: PgTelemetry,
    log: Pick<Logger, 'warn'>,
  ): Promise<OpenPort | null> {
    const { config, host, secretsDir } = this.#o
    if (!config) return null
    const [publicHost, publicPort] = splitAddress(config.address)
    const tls = config.tls
      ? await readCertificate(config.tls)
      : await ownCertificate(secretsDir, publicHost ?? host)
    const resolve = (name: string) =>
      targets.find(name).catch((error: unknown) => refusalOf(name, error))
    const parts = { ...config, host, tls, resolve, telemetry, startupTimeoutMs: STARTUP_MS }
    const port = await this.#openAt(config.port, parts).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EADDRINUSE' || !config.portIsDefault) throw error
      return this.#openAt(0, parts)
    })
    this.#open = {
      host: publicHost ?? (isAny(host) ? 'localhost' : host),
      port: publicPort ?? port,
    }
    if (config.portIsDefault && port !== config.port)
      log.warn({ port }, 'the usual port of PostgreSQL is taken: another one is used')
    return this.#open
  }

  /** Where clients find a database; null where none can. */
  connectionTo(database: string): Connection | null {
    if (!this.#open) return null
    const { host, port } = this.#open
    const inUrl = host.includes(':') ? `[${host}]` : host
    return { host, port, database, url: `postgres://owner@${inUrl}:${port}/${database}` }
  }

  /** Whether a client is at work with this database. */
  isBusy(databaseId: string): boolean {
    return this.#pgPort?.isBusy(databaseId) ?? false
  }

  async close(): Promise<void> {
    await this.#pgPort?.close()
  }

  async #openAt(port: number, parts: Omit<PgPortOptions, 'port'>): Promise<number> {
    const pgPort = new PgPort({ ...parts, port })
    const listening = await pgPort.listen()
    this.#pgPort = pgPort
    return listening
  }
}

const isAny = (host: string) => host === '0.0.0.0' || host === '::'

/** `host`, `host:port`, `[::1]` or `[::1]:port`. */
function splitAddress(address: string | undefined): [host: string | undefined, port?: number] {
  if (address === undefined) return [undefined]
  const [, bracketed, plain, port] = /^(?:\[(.+)\]|([^:]+))(?::(\d+))?$/.exec(address) ?? []
  const host = bracketed ?? plain ?? address
  return port === undefined ? [host] : [host, Number(port)]
}
