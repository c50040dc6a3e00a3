import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { createSecureContext } from 'node:tls'
import { CancelKeys } from './cancel-keys.ts'
import { cancel } from './cancellation.ts'
import { bidFarewell } from './farewell.ts'
import { fatal } from './messages.ts'
import { type PgLog, PgRefusal, type PgTarget, type PgTelemetry, SqlState } from './pg-target.ts'
import { Session, type SessionHost } from './session.ts'

/** Connections that have not signed in yet: they cost memory and nobody has vouched for them. */
const NEWCOMERS_MAX = 100
/** A newcomer that has said nothing for so long gives way to another. */
const SILENCE_MS = 1000
const KEEP_ALIVE_MS = 60_000
const IDLE_CHECK_MS_MAX = 15_000
const IDLE_CHECKS = 4
/** For clients to read why, and to hang up. */
const CLOSE_MS_MAX = 1000
const TOO_MANY = 'sorry, too many clients already'

export interface PgPortOptions {
  readonly host: string
  /** 0 for any that is free. */
  readonly port: number
  /** PEM; null to offer no encryption. */
  readonly tls: { readonly cert: string; readonly key: string } | null
  /**
   * Finds a database and waits until it can be connected to.
   * @throws PgRefusal
   */
  readonly resolve: (databaseName: string, signal: AbortSignal) => Promise<PgTarget>
  readonly gatewayNumber: number
  /** The other gateways, by their numbers. */
  readonly peers: ReadonlyMap<number, { readonly host: string; readonly port: number }>
  readonly sessionsMax: number
  readonly startupTimeoutMs: number
  /** 0 for never. */
  readonly idleTimeoutMs: number
  readonly log: PgLog
  readonly telemetry: PgTelemetry
}

/**
 * Where clients that speak PostgreSQL's protocol come in: reads enough of it to know which database is meant, and passes on
 * everything else between client and server, passwords included.
 */
export class PgPort {
  readonly #o: PgPortOptions
  readonly #server: Server
  readonly #host: SessionHost
  /** With the database that each has a place at. */
  readonly #sessions = new Map<Session, string | null>()
  readonly #newcomers = new Set<Session>()
  readonly #perDatabase = new Map<string, number>()
  #admitted = 0
  #idleTimer: NodeJS.Timeout | undefined
  #closing: (() => void) | null = null

  constructor(options: PgPortOptions) {
    this.#o = options
    const keys = new CancelKeys(options.gatewayNumber)
    this.#host = {
      ...options,
      tls: options.tls && createSecureContext({ ...options.tls, minVersion: 'TLSv1.2' }),
      keys,
      cancel: (packet) => cancel(packet, { ...options, keys }),
      admit: (session, target) => this.#admit(session, target),
      authenticated: (session) => this.#newcomers.delete(session),
      ended: (session) => this.#release(session),
      gone: (session) => this.#forget(session),
    }
    this.#server = createServer(
      { noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS },
      (socket) => this.#welcome(socket),
    )
  }

  listen(): Promise<{ readonly host: string; readonly port: number }> {
    const { host, port, idleTimeoutMs } = this.#o
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen({ host, port }, () => {
        this.#server.off('error', reject)
        this.#server.on('error', (error) => this.#o.log.error({ err: error }, 'PostgreSQL port'))
        if (idleTimeoutMs > 0) this.#watchIdle(idleTimeoutMs)
        resolve({ host, port: (this.#server.address() as AddressInfo).port })
      })
    })
  }

  /** How many clients are with a database. */
  sessions(databaseId: string): number {
    return this.#perDatabase.get(databaseId) ?? 0
  }

  /** Ends all sessions, and tells them so. */
  async close(): Promise<void> {
    clearInterval(this.#idleTimer)
    if (this.#server.listening) this.#server.close()
    if (this.#sessions.size === 0) return
    const gone = new Promise<void>((resolve) => {
      this.#closing = resolve
      setTimeout(resolve, CLOSE_MS_MAX)
    })
    for (const session of [...this.#sessions.keys()])
      session.end(SqlState.adminShutdown, 'terminating connection due to administrator command')
    await gone
    for (const { socket } of this.#sessions.keys()) socket.destroy()
  }

  #welcome(socket: Socket): void {
    if (this.#newcomers.size >= NEWCOMERS_MAX && !this.#dropSilent()) {
      socket.on('error', () => {})
      this.#o.telemetry.refused(SqlState.tooManyConnections)
      bidFarewell(socket, fatal(SqlState.tooManyConnections, TOO_MANY))
      return
    }
    const session = new Session(socket, this.#host)
    this.#sessions.set(session, null)
    this.#newcomers.add(session)
    void session.run()
  }

  #dropSilent(): boolean {
    const before = performance.now() - SILENCE_MS
    for (const session of this.#newcomers) {
      if (!session.isSilent || session.startedAt > before) continue
      session.end(SqlState.tooManyConnections, TOO_MANY)
      return true
    }
    return false
  }

  #admit(session: Session, { databaseId, sessionsMax }: PgTarget): void {
    const there = this.sessions(databaseId)
    if (there >= sessionsMax || this.#admitted >= this.#o.sessionsMax)
      throw new PgRefusal(SqlState.tooManyConnections, TOO_MANY)
    this.#admitted += 1
    this.#perDatabase.set(databaseId, there + 1)
    this.#sessions.set(session, databaseId)
  }

  #release(session: Session): void {
    const databaseId = this.#sessions.get(session)
    if (!databaseId) return
    this.#sessions.set(session, null)
    this.#admitted -= 1
    const left = this.sessions(databaseId) - 1
    if (left > 0) this.#perDatabase.set(databaseId, left)
    else this.#perDatabase.delete(databaseId)
  }

  #forget(session: Session): void {
    this.#sessions.delete(session)
    this.#newcomers.delete(session)
    if (this.#sessions.size === 0) this.#closing?.()
  }

  #watchIdle(idleTimeoutMs: number): void {
    const everyMs = Math.min(IDLE_CHECK_MS_MAX, Math.max(1, idleTimeoutMs / IDLE_CHECKS))
    this.#idleTimer = setInterval(() => {
      const now = performance.now()
      for (const session of this.#sessions.keys()) session.checkIdle(now)
    }, everyMs).unref()
  }
}
