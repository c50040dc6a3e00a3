/**
 * The port for PostgreSQL's own clients. It reads no more of a connection than it takes to know where it belongs, has that
 * database started if it is not, and then passes bytes between the client and the server in the database's folder.
 */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { createSecureContext, type SecureContext } from 'node:tls'
import { type CancelKey, CancelKeys, SessionKey } from './cancel-keys.ts'
import type { Certificate } from './certificate.ts'
import { bidFarewell } from './farewell.ts'
import { type Greeting, greet } from './greeting.ts'
import { errorResponse, PgRefusal } from './refusal.ts'
import { ServerConnection } from './server-connection.ts'
import { signIn } from './sign-in.ts'
import { splice } from './splice.ts'
import { cancelPacket, type Parameters, startupPacket, textOf } from './startup.ts'

/** Connections that are nobody's yet. */
const PENDING_MAX = 200
/** One of them that has said nothing for so long gives way to another. */
const SILENCE_MS = 1000
const TOO_MANY = 'sorry, too many clients already'
const STARTING = 'the database system is starting up'
const KEEP_ALIVE_MS = 60_000
const LOOK_EVERY_MS = 1000
const CANCEL_MS = 5000
/** For a server that is there and takes nobody yet. */
const TRIES = 20
const RETRY_MS = 100
/** Whom clients may be; the server has others, for this program alone. */
const USERS = new Set(['owner', 'reader'])

export interface PgTarget {
  readonly databaseId: string
  readonly socketPath: string
  /** As the server calls it. */
  readonly database: string
  readonly sessionsMax: number
  /** Called when a client has said something, at most about once a second. */
  readonly used: () => void
}

export interface PgTelemetry {
  readonly opened: () => void
  readonly closed: () => void
  readonly refused: (sqlState: string) => void
}

export interface PgPortOptions {
  readonly host: string
  /** 0 for any that is free. */
  readonly port: number
  readonly tls: Certificate | null
  /** Finds a database, without regard to case, and starts it if need be. @throws PgRefusal */
  readonly resolve: (database: string, signal: AbortSignal) => Promise<PgTarget>
  /** Tells this gateway from its peers. */
  readonly gatewayNumber: number
  /** Where other gateways take requests to cancel. */
  readonly peers: ReadonlyMap<number, { readonly host: string; readonly port: number }>
  readonly sessionsMax: number
  /** From the first byte to the session's being ready. */
  readonly startupTimeoutMs: number
  /** For a session in which nobody says anything; 0 for no end. */
  readonly idleTimeoutMs: number
  readonly telemetry: PgTelemetry
}

interface Session {
  readonly client: Socket
  readonly socket: Socket
  readonly server: ServerConnection
  readonly used: () => void
  asked: number
  bytes: number
  quietSince: number
}

export class PgPort {
  readonly #o: PgPortOptions
  readonly #server = createServer({
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: KEEP_ALIVE_MS,
  })
  readonly #tls: SecureContext | null
  readonly #keys: CancelKeys
  /** Since when nothing is known of them; null once something is. */
  readonly #pending = new Map<Socket, number | null>()
  readonly #sessions = new Map<string, Set<Session>>()
  #count = 0
  #looking: NodeJS.Timeout | undefined

  /** @throws Error if the certificate is none */
  constructor(options: PgPortOptions) {
    this.#o = options
    this.#tls = options.tls && createSecureContext({ ...options.tls, minVersion: 'TLSv1.2' })
    this.#keys = new CancelKeys(options.gatewayNumber)
    this.#server.on('connection', (socket) => void this.#accept(socket))
  }

  /** @returns the port that is listened on. @throws Error, such as EADDRINUSE */
  async listen(): Promise<number> {
    this.#server.listen({ host: this.#o.host, port: this.#o.port })
    await once(this.#server, 'listening')
    this.#looking = setInterval(() => this.#look(), LOOK_EVERY_MS).unref()
    return (this.#server.address() as AddressInfo).port
  }

  /** Tells all clients that it ends. */
  async close(): Promise<void> {
    clearInterval(this.#looking)
    const closed = new Promise((resolve) => this.#server.close(resolve))
    for (const socket of this.#pending.keys()) socket.destroy()
    for (const session of this.#all())
      end(session, new PgRefusal('57P01', 'terminating connection: the gateway is stopping'))
    await closed
  }

  async #accept(raw: Socket): Promise<void> {
    raw.on('error', () => raw.destroy())
    if (this.#pending.size >= PENDING_MAX && !this.#dropSilent()) {
      this.#refuse(raw, new PgRefusal('53300', TOO_MANY))
      return
    }
    let client = raw
    const late = new AbortController()
    const timer = setTimeout(() => {
      late.abort()
      // After a word to a client that waits for its database.
      setImmediate(() => raw.destroy())
    }, this.#o.startupTimeoutMs)
    this.#pending.set(raw, performance.now())
    try {
      const greeting = await greet(raw, this.#tls, (encrypted) => {
        client = encrypted
        client.on('error', () => client.destroy())
      })
      this.#pending.set(raw, null)
      if (greeting.wish.kind === 'cancel') await this.#cancel(greeting.wish)
      else await this.#begin(greeting, greeting.wish, late.signal)
      if (greeting.wish.kind === 'cancel') client.destroy()
    } catch (error) {
      this.#refuse(client, error)
    } finally {
      clearTimeout(timer)
      this.#pending.delete(raw)
    }
  }

  async #begin(
    { client, serverName }: Greeting,
    { version, parameters }: { readonly version: number; readonly parameters: Parameters },
    late: AbortSignal,
  ): Promise<void> {
    refuseUnfit(parameters)
    const { target, server } = await this.#reach(client, parameters, serverName, late)
    const { socket } = server
    const session: Session = {
      client,
      socket,
      server,
      used: target.used,
      asked: 0,
      bytes: 0,
      quietSince: performance.now(),
    }
    const key = new SessionKey(this.#keys, target.socketPath)
    client.once('close', () => socket.destroy())
    socket.once('close', () => key.forget())
    this.#enter(target, session)
    socket.write(startupPacket(version, new Map(parameters).set('database', target.database)))
    await signIn({ client, server, exchangeKey: (of) => key.exchange(of) })
    splice(client, server)
  }

  /** Connects to the database's server. One that has just died is started anew, which the client does not see. */
  async #reach(
    client: Socket,
    parameters: Parameters,
    serverName: string | undefined,
    late: AbortSignal,
  ): Promise<{ target: PgTarget; server: ServerConnection }> {
    for (let left = TRIES; ; left -= 1) {
      const target = await inTime(this.#target(parameters, serverName, late), late)
      const server = new ServerConnection(target.socketPath, client)
      if (await server.connected()) return { target, server }
      if (left === 0 || late.aborted || client.destroyed) throw new PgRefusal('57P03', STARTING)
      await sleep(RETRY_MS)
    }
  }

  /** By the database's name; where there is none of that name, by the one that the client looked the server up by. */
  async #target(
    parameters: Parameters,
    serverName: string | undefined,
    signal: AbortSignal,
  ): Promise<PgTarget> {
    const database = textOf(parameters.get('database') || parameters.get('user'))
    try {
      return await this.#o.resolve(database, signal)
    } catch (error) {
      const label = serverName?.split('.')[0]
      if (!label || !(error instanceof PgRefusal) || error.sqlState !== '3D000') throw error
      return await this.#o.resolve(label, signal).catch(() => {
        throw error
      })
    }
  }

  /** Takes a place until the session ends. @throws PgRefusal */
  #enter({ databaseId, sessionsMax }: PgTarget, session: Session): void {
    const sessions = this.#sessionsOf(databaseId)
    if (this.#count >= this.#o.sessionsMax || sessions.size >= sessionsMax) {
      session.socket.destroy()
      throw new PgRefusal('53300', TOO_MANY)
    }
    this.#count += 1
    sessions.add(session)
    this.#o.telemetry.opened()
    session.socket.once('close', () => {
      this.#count -= 1
      sessions.delete(session)
      if (sessions.size === 0) this.#sessions.delete(databaseId)
      this.#o.telemetry.closed()
    })
  }

  /** Whether one was found that has said nothing for long, and was sent away. */
  #dropSilent(): boolean {
    const before = performance.now() - SILENCE_MS
    for (const [socket, since] of this.#pending) {
      if (since === null || since > before) continue
      socket.destroy()
      this.#pending.delete(socket)
      return true
    }
    return false
  }

  #sessionsOf(databaseId: string): Set<Session> {
    const known = this.#sessions.get(databaseId) ?? new Set()
    this.#sessions.set(databaseId, known)
    return known
  }

  /** Whether a client waits for an answer of this database, or has a transaction open in it. */
  isBusy(databaseId: string): boolean {
    for (const { server } of this.#sessions.get(databaseId) ?? [])
      if (server.readiness !== 'idle') return true
    return false
  }

  *#all(): Iterable<Session> {
    for (const sessions of this.#sessions.values()) yield* [...sessions]
  }

  /** An answer is not foreseen: the client waits for the connection's end. A key that is none is passed over in silence. */
  async #cancel(wish: { readonly key: CancelKey; readonly isPassedOn: boolean }): Promise<void> {
    const { key, isPassedOn } = wish
    const server = this.#keys.find(key)
    const owner = this.#keys.gatewayOf(key.pid)
    const peer = owner === this.#o.gatewayNumber ? undefined : this.#o.peers.get(owner)
    if (server) await pass(connect(server.socketPath), cancelPacket(server.pid, server.secret))
    // What was passed on already and is not for here would go round for ever.
    else if (peer && !isPassedOn) await pass(connect(peer), cancelPacket(key.pid, key.secret, true))
  }

  #refuse(client: Socket, error: unknown): void {
    if (error instanceof PgRefusal) {
      this.#o.telemetry.refused(error.sqlState)
      bidFarewell(client, errorResponse(error))
    } else client.destroy()
  }

  #look(): void {
    const now = performance.now()
    const { idleTimeoutMs } = this.#o
    for (const session of this.#all()) {
      const asked = session.client.bytesRead
      if (asked !== session.asked) session.used()
      session.asked = asked
      const bytes = session.client.bytesRead + session.socket.bytesRead
      if (bytes !== session.bytes) Object.assign(session, { bytes, quietSince: now })
      // A statement may take its time.
      else if (session.server.readiness === null) session.quietSince = now
      else if (idleTimeoutMs > 0 && now - session.quietSince > idleTimeoutMs)
        end(session, new PgRefusal('57P05', 'terminating connection due to idle-session timeout'))
    }
  }
}

/** @throws PgRefusal for what no session of a tenant may be */
function refuseUnfit(parameters: Parameters): void {
  const user = textOf(parameters.get('user'))
  if (!user) throw new PgRefusal('28000', 'no PostgreSQL user name specified in startup packet')
  const replication = parameters.get('replication') ?? 'off'
  if (!/^(?:0|off|no|false|f|n)$/i.test(replication))
    throw new PgRefusal('0A000', 'replication is not offered')
  if (!USERS.has(user))
    throw new PgRefusal('28P01', `password authentication failed for user "${user}"`)
}

/** Nothing is said in the middle of something else. */
function end({ client, socket, server }: Session, why: PgRefusal): void {
  server.take = null
  socket.destroy()
  bidFarewell(client, server.isAtMessageEnd ? errorResponse(why) : null)
}

/** @throws PgRefusal once it is too late */
function inTime<T>(work: Promise<T>, late: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const giveUp = () => reject(new PgRefusal('57P03', STARTING))
    late.addEventListener('abort', giveUp, { once: true })
    work.then(resolve, reject).finally(() => late.removeEventListener('abort', giveUp))
  })
}

async function pass(to: Socket, packet: Buffer): Promise<void> {
  to.on('error', () => to.destroy())
  to.setTimeout(CANCEL_MS, () => to.destroy())
  to.end(packet)
  to.resume()
  if (!to.destroyed) await once(to, 'close')
}
