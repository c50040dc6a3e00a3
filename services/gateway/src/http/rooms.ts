import { setTimeout as wait } from 'node:timers/promises'
import type {
  ClientToServerEvents,
  Database,
  DatabaseStats,
  Job,
  LogLine,
  RoomName,
  ServerToClientEvents,
} from '@db-forge/contract'
import type { Server, Socket } from 'socket.io'
import { AppError } from '../core/app-error.ts'
import type { PlatformEvent } from '../events/event-bus.ts'
import { LogFeed, type LogReader } from './log-feed.ts'

const METRICS_MS = 1000
const LOG_TAIL = 200
export const INSTANCE = 'instance'

export type LiveServer = Server<ClientToServerEvents, ServerToClientEvents>
export type LiveSocket = Socket<ClientToServerEvents, ServerToClientEvents>

/** What there is to be told in rooms. */
export interface RoomSource {
  /** Undefined for one that is not there, or deleted. */
  database(id: string): Database | undefined
  stats(database: Database): Promise<DatabaseStats>
  logs(
    database: Database,
    options: { follow: boolean; tail: number; signal: AbortSignal },
  ): AsyncIterable<LogLine>
  /** @throws AppError `job.not_found` */
  job(id: string): Promise<Job>
  /** Something went wrong that no client is told. */
  failed(error: unknown): void
}

interface Feed {
  close(): void
}

/** Rooms about one thing each. What costs something is asked for only while somebody is there. */
export class Rooms {
  readonly #io: LiveServer
  readonly #source: RoomSource
  readonly #metrics = new Map<string, Feed>()
  readonly #logs = new Map<string, LogFeed>()
  readonly #readers = new Map<string, LogReader>()

  constructor(io: LiveServer, source: RoomSource) {
    this.#io = io
    this.#source = source
    const { adapter } = io.of('/')
    adapter.on('create-room', (room: string) => this.#opened(room))
    adapter.on('delete-room', (room: string) => this.#emptied(room))
    adapter.on('leave-room', (room: string, socketId: string) => this.#left(room, socketId))
  }

  /** Says how things are to who has just come in. @throws AppError where there is no such thing */
  async greet(socket: LiveSocket, room: RoomName): Promise<void> {
    const { kind, id } = parse(room)
    if (kind === 'job') {
      const job = await this.#source.job(id)
      socket.emit('job', { seq: job.revision, job })
      return
    }
    const database = this.#source.database(id)
    if (!database) throw new AppError('database.not_found', id)
    if (kind === 'db') socket.emit('state', { seq: database.revision, database })
    else this.#read(socket, room, id)
  }

  tell(event: PlatformEvent): void {
    if (event.type === 'job.changed') {
      const { job } = event
      this.#io.to(INSTANCE).to(`job:${job.id}`).emit('job', { seq: job.revision, job })
    } else if (event.type === 'database.deleted') this.#close(event.id)
    else if (event.type === 'database.changed') this.#databaseChanged(event.database)
  }

  close(): void {
    for (const feed of [...this.#metrics.values(), ...this.#logs.values()]) feed.close()
  }

  #databaseChanged(database: Database): void {
    const { id, state, revision, deletedAt } = database
    if (deletedAt !== null) {
      this.#close(id)
      return
    }
    this.#io.to(`db:${id}`).emit('state', { seq: revision, database })
    if (state === 'running' || state === 'failed') this.#logs.get(id)?.followAgain()
  }

  #close(id: string): void {
    for (const room of [`db:${id}`, `logs:${id}`]) {
      this.#io.to(room).emit('closed', { room, code: 'database.not_found' })
      this.#io.socketsLeave(room)
    }
  }

  #opened(room: string): void {
    const { kind, id } = parse(room)
    if (kind === 'db') this.#metrics.set(id, this.#followMetrics(id))
    else if (kind === 'logs')
      this.#logs.set(id, new LogFeed((signal) => this.#follow(id, signal), this.#source.failed))
  }

  #emptied(room: string): void {
    const { kind, id } = parse(room)
    const feeds = kind === 'db' ? this.#metrics : kind === 'logs' ? this.#logs : undefined
    feeds?.get(id)?.close()
    feeds?.delete(id)
  }

  #read(socket: LiveSocket, room: string, id: string): void {
    const key = `${room} ${socket.id}`
    const feed = this.#logs.get(id)
    if (!feed || !socket.rooms.has(room) || this.#readers.has(key)) return
    const reader: LogReader = {
      isReady: () => socket.conn.transport.writable,
      send: (lines, dropped) => socket.emit('logs', { id, lines, dropped }),
    }
    this.#readers.set(key, reader)
    feed.add(reader)
  }

  #left(room: string, socketId: string): void {
    const key = `${room} ${socketId}`
    const reader = this.#readers.get(key)
    if (!reader) return
    this.#readers.delete(key)
    this.#logs.get(parse(room).id)?.remove(reader)
  }

  #follow(id: string, signal: AbortSignal): AsyncIterable<LogLine> {
    const database = this.#source.database(id)
    if (!database) return nothing()
    return this.#source.logs(database, { follow: true, tail: LOG_TAIL, signal })
  }

  #followMetrics(id: string): Feed {
    const closed = new AbortController()
    const { signal } = closed
    const run = async () => {
      while (!signal.aborted) {
        const database = this.#source.database(id)
        if (database)
          await this.#source.stats(database).then(
            (stats) =>
              this.#io.to(`db:${id}`).emit('metrics', { id, at: new Date().toISOString(), stats }),
            (error: unknown) => this.#source.failed(error),
          )
        await wait(METRICS_MS, undefined, { signal, ref: false }).catch(() => {})
      }
    }
    void run()
    return { close: () => closed.abort() }
  }
}

async function* nothing(): AsyncIterable<LogLine> {}

/** Rooms that are no subject of these have neither kind nor id. */
function parse(room: string): { kind: string; id: string } {
  const [, kind = '', id = ''] = /^(db|job|logs):(\w+)$/.exec(room) ?? []
  return { kind, id }
}
