import type { Socket } from 'node:net'
import type { SecureContext } from 'node:tls'
import type { CancelKeys, Key } from './cancel-keys.ts'
import { bidFarewell } from './farewell.ts'
import { fatal } from './messages.ts'
import { Negotiation, type Opening } from './opening.ts'
import { type PgLog, PgRefusal, type PgTarget, type PgTelemetry, SqlState } from './pg-target.ts'
import { Relay, type RelayEnd } from './relay.ts'
import { type CancelPacket, MalformedPacket, type StartupPacket, startupFor } from './startup.ts'

/** Who may sign in from outside. A server has roles of its own besides, which are no client's business. */
const USERS = new Set(['owner', 'reader'])

/** What sessions have in common. */
export interface SessionHost {
  readonly tls: SecureContext | null
  readonly keys: CancelKeys
  readonly startupTimeoutMs: number
  readonly idleTimeoutMs: number
  readonly log: PgLog
  readonly telemetry: PgTelemetry
  resolve(databaseName: string, signal: AbortSignal): Promise<PgTarget>
  cancel(packet: CancelPacket): Promise<void>
  /** @throws PgRefusal when there are too many. */
  admit(session: Session, target: PgTarget): void
  authenticated(session: Session): void
  /** It needs its place no more. */
  ended(session: Session): void
  /** The client's connection is closed. */
  gone(session: Session): void
}

/** One connection of a client, from its first byte to the end of both its sides. */
export class Session {
  readonly startedAt = performance.now()
  readonly #host: SessionHost
  readonly #negotiation: Negotiation
  readonly #resolving = new AbortController()
  readonly #timer: NodeJS.Timeout
  #phase: 'opening' | 'resolving' | 'signing-in' | 'open' | 'ended' = 'opening'
  #relay: Relay | null = null
  #key: Key | null = null
  #quietSince = 0

  constructor(socket: Socket, host: SessionHost) {
    this.#host = host
    this.#negotiation = new Negotiation(socket, host.tls)
    this.#timer = setTimeout(() => this.#late(), host.startupTimeoutMs)
  }

  /** Where the client can be spoken to: another one once it is encrypted, or passed on. */
  get socket(): Socket {
    return this.#relay?.client ?? this.#negotiation.socket
  }

  /** Nothing is known yet of what the client wants. */
  get isSilent(): boolean {
    return this.#phase === 'opening'
  }

  async run(): Promise<void> {
    try {
      const opening = await this.#negotiation.request()
      if (this.#phase === 'ended') return
      if (opening.request.kind === 'startup') await this.#serve(opening, opening.request)
      else {
        await this.#host.cancel(opening.request)
        this.#end(null)
      }
    } catch (error) {
      this.#fail(error)
    }
  }

  /** Ends it, with a word to the client where that can be understood. */
  end(sqlState: string, message: string): void {
    if (this.#phase === 'ended') return
    this.#host.telemetry.refused(sqlState)
    const understood = this.#relay ? this.#relay.atBoundary : !this.isSilent
    this.#end(understood ? fatal(sqlState, message) : null)
  }

  /** Called now and then: ends a session in which nothing has moved for too long. */
  checkIdle(now: number): void {
    if (this.#phase !== 'open' || !this.#relay) return
    if (this.#relay.moved) {
      this.#relay.moved = false
      this.#quietSince = now
    } else if (now - this.#quietSince >= this.#host.idleTimeoutMs)
      this.end(SqlState.idleSession, 'terminating connection due to idle-session timeout')
  }

  async #serve({ socket, serverName }: Opening, request: StartupPacket): Promise<void> {
    this.#phase = 'resolving'
    const { user, database, parameters } = request
    if (!USERS.has(user))
      throw new PgRefusal(
        SqlState.invalidPassword,
        `password authentication failed for user "${user}"`,
      )
    if (parameters.some(([name]) => name === 'replication'))
      throw new PgRefusal(SqlState.notSupported, 'replication is not supported here')
    const target = await this.#target(database ?? user, serverName)
    if (this.#phase !== 'resolving') return
    this.#host.admit(this, target)
    this.#phase = 'signing-in'
    const startup = startupFor(request, target.database)
    this.#relay = new Relay(socket, target.socketPath, startup, {
      mint: (key) => this.#mint(target, key),
      authenticated: () => this.#host.authenticated(this),
      ready: () => this.#ready(),
      ended: (how) => this.#relayEnded(how),
    })
  }

  /** The database of this name; where there is none, that of the host name by which the client came. */
  async #target(name: string, serverName: string | null): Promise<PgTarget> {
    const { signal } = this.#resolving
    try {
      return await this.#host.resolve(name, signal)
    } catch (error) {
      const label = serverName?.split('.')[0]
      if (!label || !isUnknown(error)) throw error
      return await this.#host.resolve(label, signal).catch((other: unknown) => {
        throw isUnknown(other) ? error : other
      })
    }
  }

  #mint({ socketPath }: PgTarget, key: Key): Key {
    if (this.#key) this.#host.keys.forget(this.#key)
    this.#key = this.#host.keys.mint({ socketPath, key })
    return this.#key
  }

  #ready(): void {
    clearTimeout(this.#timer)
    this.#phase = 'open'
    this.#quietSince = performance.now()
    this.#host.telemetry.opened()
  }

  /** What a client does in time, or the database: it is told only what it can understand. */
  #late(): void {
    if (this.#phase === 'resolving')
      this.end(SqlState.cannotConnectNow, 'the database system is starting up')
    else if (this.#phase === 'signing-in')
      this.end(SqlState.cancelled, 'canceling authentication due to timeout')
    else this.#end(null)
  }

  #relayEnded(how: RelayEnd): void {
    switch (how.kind) {
      case 'closed':
        this.#end(null)
        return
      case 'refused':
        this.#host.telemetry.refused(how.sqlState)
        this.#end(null)
        return
      case 'vanished':
        if (how.wasThere)
          this.end(SqlState.adminShutdown, 'terminating connection: the database went away')
        else this.end(SqlState.cannotConnectNow, 'the database system is not accepting connections')
        return
      case 'broken':
        this.#host.log.error({ err: how.error }, 'a server is not spoken to')
        this.end(
          SqlState.invalidAuthorization,
          'the server does not ask for a password as it should',
        )
    }
  }

  #fail(error: unknown): void {
    if (this.#phase === 'ended') return
    if (error instanceof PgRefusal) this.#refuse(error.sqlState, error.message)
    else if (error instanceof MalformedPacket)
      this.#refuse(SqlState.protocolViolation, error.message)
    else if (this.isSilent) this.#end(null)
    else {
      this.#host.log.error({ err: error }, 'a PostgreSQL session could not be opened')
      this.#refuse(SqlState.internal, 'something went wrong inside DB-Forge')
    }
  }

  #refuse(sqlState: string, message: string): void {
    this.#host.telemetry.refused(sqlState)
    this.#end(fatal(sqlState, message))
  }

  #end(lastWords: Buffer | null): void {
    if (this.#phase === 'ended') return
    const wasOpen = this.#phase === 'open'
    this.#phase = 'ended'
    clearTimeout(this.#timer)
    this.#resolving.abort()
    if (this.#key) this.#host.keys.forget(this.#key)
    if (this.#relay) this.#relay.close(lastWords)
    else if (lastWords) bidFarewell(this.#negotiation.socket, lastWords)
    else this.#negotiation.socket.destroy()
    if (wasOpen) this.#host.telemetry.closed()
    this.#host.ended(this)
    this.#whenGone()
  }

  #whenGone(): void {
    const { socket } = this
    if (socket.destroyed) this.#host.gone(this)
    else socket.once('close', () => this.#host.gone(this))
  }
}

const isUnknown = (error: unknown) =>
  error instanceof PgRefusal && error.sqlState === SqlState.unknownDatabase
