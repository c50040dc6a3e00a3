import {
  type ClientToServerEvents,
  type Database,
  REALTIME_PATH,
  type RealtimeChange,
  type ServerToClientEvents,
} from '@db-forge/contract'
import type { FastifyInstance } from 'fastify'
import { Server, type Socket } from 'socket.io'
import { type Credentials, sessionKey } from '../core/credentials.ts'
import type { EventBus } from '../events/event-bus.ts'
import { isSameOrigin, sessionSecret } from './auth.ts'

export interface RealtimeOptions {
  readonly credentials: Credentials
  readonly events: EventBus
  readonly databases: () => Database[]
}

type LiveSocket = Socket<ClientToServerEvents, ServerToClientEvents>

/** State changes over socket.io: a snapshot at each connection, then changes in order. */
export class Realtime {
  readonly #io: Server<ClientToServerEvents, ServerToClientEvents>
  readonly #o: RealtimeOptions
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
    this.#io.use((socket, next) => {
      this.#admit(socket).then(
        (admitted) => next(admitted ? undefined : new Error('auth.required')),
        () => next(new Error('server.internal')),
      )
    })
    this.#io.on('connection', (socket) => {
      this.#sendSnapshot(socket)
      socket.on('resync', () => this.#sendSnapshot(socket))
    })
    const unsubscribe = options.events.subscribe((event) => {
      if (event.type === 'job.changed' || event.type === 'database.used') return
      this.#seq += 1
      const { id, name } = event.type === 'database.changed' ? event.database : event
      const change: RealtimeChange =
        event.type === 'database.changed' && event.database.deletedAt === null
          ? { seq: this.#seq, type: 'changed', database: event.database }
          : { seq: this.#seq, type: 'deleted', id, name }
      this.#io.emit('change', change)
    })
    app.addHook('preClose', async () => {
      unsubscribe()
      await this.#io.close()
    })
  }

  /** Ends the connections that a session had opened. */
  endSession(secret: string): void {
    this.#io.in(sessionKey(secret)).disconnectSockets(true)
  }

  #sendSnapshot(socket: LiveSocket): void {
    socket.emit('snapshot', { seq: this.#seq, databases: this.#o.databases() })
  }

  async #admit(socket: LiveSocket): Promise<boolean> {
    const { token } = socket.handshake.auth as { token?: unknown }
    if (typeof token === 'string') return this.#o.credentials.isAdminToken(token)
    const secret = sessionSecret(socket.handshake.headers.cookie)
    if (secret === undefined || !(await this.#o.credentials.findSession(secret))) return false
    await socket.join(sessionKey(secret))
    return true
  }
}
