import {
  type Database,
  MESSAGES_PER_SECOND,
  REALTIME_PATH,
  type RealtimeChange,
  ROOMS_MAX,
  type RoomAnswer,
  RoomName,
} from '@db-forge/contract'
import type { FastifyInstance } from 'fastify'
import { Server } from 'socket.io'
import { AppError } from '../core/app-error.ts'
import type { Credentials } from '../core/credentials.ts'
import type { EventBus, PlatformEvent } from '../events/event-bus.ts'
import { isSameOrigin, sessionSecret } from './auth.ts'
import { MessageRate } from './message-rate.ts'
import { INSTANCE, type LiveServer, type LiveSocket, type RoomSource, Rooms } from './rooms.ts'

/** Who sends so much more than is allowed is not a client of ours. */
const FLOOD = 10 * MESSAGES_PER_SECOND

export interface RealtimeOptions extends RoomSource {
  readonly credentials: Credentials
  readonly events: EventBus
  readonly databases: () => Database[]
}

/** State, figures and logs over socket.io, by rooms. */
export class Realtime {
  readonly #io: LiveServer
  readonly #o: RealtimeOptions
  readonly #rooms: Rooms
  #seq = 0

  constructor(app: FastifyInstance, options: RealtimeOptions) {
    this.#o = options
    this.#io = new Server(app.server, {
      path: REALTIME_PATH,
      transports: ['websocket'],
      serveClient: false,
      maxHttpBufferSize: 16 * 1024,
      allowRequest: (request, done) =>
        done(null, isSameOrigin(request.headers, request.headers.host ?? '')),
    })
    this.#rooms = new Rooms(this.#io, options)
    this.#io.use((socket, next) => {
      this.#admit(socket).then(
        (admitted) => next(admitted ? undefined : new Error('auth.required')),
        () => next(new Error('server.internal')),
      )
    })
    this.#io.on('connection', (socket) => this.#welcome(socket))
    const endings = [
      options.events.subscribe((event) => this.#tell(event)),
      options.credentials.onRevoked((key) =>
        options.events.publish({ type: 'credential.revoked', key }),
      ),
    ]
    app.addHook('preClose', async () => {
      for (const end of endings) end()
      this.#rooms.close()
      await this.#io.close()
    })
  }

  #welcome(socket: LiveSocket): void {
    void socket.join(INSTANCE)
    this.#sendSnapshot(socket)
    limitMessages(socket)
    socket.on('resync', () => this.#sendSnapshot(socket))
    socket.on('join', (room, answer) => this.#answer(answer, this.#join(socket, room)))
    socket.on('leave', (room, answer) => this.#answer(answer, this.#leave(socket, room)))
  }

  async #join(socket: LiveSocket, name: unknown): Promise<void> {
    const room = roomOf(name)
    if (socket.rooms.has(room)) return
    const isFull = [...socket.rooms].filter(isRoom).length >= ROOMS_MAX
    if (isFull) throw new AppError('request.invalid', `at most ${ROOMS_MAX} rooms`)
    // First in, so that no change is missed; then a look at how things are.
    await socket.join(room)
    if (room === INSTANCE) return this.#sendSnapshot(socket)
    try {
      await this.#rooms.greet(socket, room)
    } catch (error) {
      await socket.leave(room)
      throw error
    }
  }

  async #leave(socket: LiveSocket, name: unknown): Promise<void> {
    await socket.leave(roomOf(name))
  }

  /** A client that wants no answer, or something else than a function in its place, gets none. */
  #answer(answer: unknown, done: Promise<void>): void {
    const reply = (value: RoomAnswer) => {
      if (typeof answer === 'function') answer(value)
    }
    done.then(
      () => reply({ ok: true }),
      (error: unknown) => {
        if (error instanceof AppError) return reply(refusal(error))
        this.#o.failed(error)
        reply({ ok: false, code: 'server.internal' })
      },
    )
  }

  #tell(event: PlatformEvent): void {
    if (event.type === 'credential.revoked') this.#io.in(keyRoom(event.key)).disconnectSockets(true)
    const change = changeOf(event)
    if (change) {
      this.#seq += 1
      this.#io.to(INSTANCE).emit('change', { seq: this.#seq, ...change })
    }
    this.#rooms.tell(event)
  }

  #sendSnapshot(socket: LiveSocket): void {
    socket.emit('snapshot', { seq: this.#seq, databases: this.#o.databases() })
  }

  /** The socket ends with what let it in. */
  async #admit(socket: LiveSocket): Promise<boolean> {
    const { credentials } = this.#o
    const { token } = socket.handshake.auth as { token?: unknown }
    if (typeof token === 'string') {
      if (!credentials.isAdminToken(token)) return false
      await socket.join(keyRoom(credentials.keyOf(token)))
      return true
    }
    const secret = sessionSecret(socket.handshake.headers.cookie)
    const expiresAt = secret === undefined ? null : await credentials.findSession(secret)
    if (secret === undefined || !expiresAt) return false
    const left = expiresAt.getTime() - Date.now()
    const expiry = setTimeout(() => socket.disconnect(true), left).unref()
    socket.once('disconnect', () => clearTimeout(expiry))
    await socket.join(keyRoom(credentials.keyOf(secret)))
    return true
  }
}

/** Not a name that a client could ask for. */
const keyRoom = (key: string) => `key ${key}`

const isRoom = (name: string) => RoomName.safeParse(name).success

function roomOf(name: unknown): RoomName {
  const room = RoomName.safeParse(name)
  if (!room.success) throw new AppError('request.invalid', 'there is no such room')
  return room.data
}

const refusal = ({ code, detail }: AppError): RoomAnswer => ({
  ok: false,
  code,
  ...(detail === undefined ? {} : { detail }),
})

function limitMessages(socket: LiveSocket): void {
  const rate = new MessageRate(MESSAGES_PER_SECOND)
  socket.use((packet, next) => {
    const beyond = rate.count()
    if (beyond === 0) return next()
    if (beyond > FLOOD) return void socket.disconnect(true)
    const answer: unknown = packet.at(-1)
    if (typeof answer === 'function') answer(refusal(new AppError('request.too_many')))
  })
}

type Change = RealtimeChange extends infer T ? (T extends unknown ? Omit<T, 'seq'> : never) : never

/** Null for what sockets are not told. */
function changeOf(event: PlatformEvent): Change | null {
  if (event.type === 'database.deleted') return { type: 'deleted', id: event.id, name: event.name }
  if (event.type !== 'database.changed') return null
  const { database } = event
  return database.deletedAt === null
    ? { type: 'changed', database }
    : { type: 'deleted', id: database.id, name: database.name }
}
