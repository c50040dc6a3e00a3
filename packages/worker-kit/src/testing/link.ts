import { connect, type Socket } from 'node:net'
import type { BatchResult, QueryResult, SchemaInfo } from '@db-forge/contract'
import type {
  Begun,
  Cancelled,
  LaneInfo,
  Welcome,
  WorkerError,
  WorkerHealth,
  WorkerNotice,
} from '@db-forge/contract/wire'
import {
  encodeFrame,
  encodeTimedFrame,
  type Frame,
  FrameDecoder,
  FrameType,
  PROTOCOL_VERSION,
} from '@db-forge/contract/wire/frame'

export class RemoteError extends Error {
  readonly error: WorkerError
  constructor(error: WorkerError) {
    super(`${error.code}: ${error.detail}`)
    this.error = error
  }
}

/** How a request ends: `ok`, or the code of its error. */
export const codeOf = (asked: Promise<unknown>): Promise<string> =>
  asked.then(
    () => 'ok',
    (error: RemoteError) => error.error?.code ?? String(error),
  )

/** The other kind of lane is the right one. */
export class Redirected extends Error {}

export class LinkClosed extends Error {}

type Hear = (frame: Frame | null) => void

const TIMEOUT_MS = 30_000
const defaults = { maxRows: 1000, readOnly: false, rowFormat: 'object' }

export interface Options {
  readonly timeoutMs?: number
  readonly [option: string]: unknown
}

/** A request under way, by whose id it can be cancelled. */
export interface Asked<T> extends Promise<T> {
  readonly id: number
}

/** The gateway's end of a connection, as small as can be. */
export class Link {
  readonly socket: Socket
  readonly notices: WorkerNotice[] = []
  welcome: Welcome | undefined
  readonly #decoder = new FrameDecoder()
  readonly #hearing = new Map<number, Hear>()
  #hearAll: ((frame: Frame) => void) | undefined
  #nextId = 1
  /** From this process's clock to the worker's. */
  #clockOffsetMs = 0

  constructor(path: string) {
    this.socket = connect(path)
    this.socket.on('data', (chunk) => this.#decoder.push(chunk, (frame) => this.#arrived(frame)))
    this.socket.on('error', () => undefined)
    this.socket.on('close', () => {
      for (const hear of [...this.#hearing.values()]) hear(null)
    })
  }

  static async open(path: string, databaseId: string): Promise<Link> {
    const link = new Link(path)
    const welcome = await link.request<Welcome>(FrameType.hello, {
      protocol: PROTOCOL_VERSION,
      databaseId,
    })
    link.welcome = welcome
    link.#clockOffsetMs = welcome.clockMs - performance.now()
    return link
  }

  query(sql: string, params?: unknown, options: Options = {}): Asked<QueryResult> {
    return this.timed(FrameType.query, { sql, params, ...defaults, ...options })
  }

  batch(statements: readonly object[], options: Options = {}): Asked<BatchResult> {
    return this.timed(FrameType.batch, {
      statements,
      transaction: 'write',
      ...defaults,
      ...options,
    })
  }

  describe(request: Options = {}): Asked<SchemaInfo> {
    return this.timed(FrameType.describe, { counts: true, ...request })
  }

  async begin(mode: 'write' | 'read', options: Options = {}): Promise<number> {
    const begun = await this.timed<Begun>(FrameType.begin, { mode, idleMs: 5000, ...options })
    return begun.transaction
  }

  commit(transaction: number): Asked<unknown> {
    return this.timed(FrameType.commit, { transaction })
  }

  rollback(transaction: number): Asked<unknown> {
    return this.timed(FrameType.rollback, { transaction })
  }

  stream(sql: string, options: Options = {}): Stream {
    const { timeoutMs, ...rest } = options
    const stream = new Stream(this, this.#nextId++)
    this.#hearing.set(stream.id, (frame) => stream.hear(frame))
    const command = { sql, ...defaults, maxRows: null, format: 'ndjson', credit: 1e6, ...rest }
    this.socket.write(this.#timedFrame(FrameType.stream, stream.id, command, timeoutMs))
    return stream
  }

  health(): Promise<WorkerHealth> {
    return this.request(FrameType.health, {})
  }

  async addReader(): Promise<number> {
    return (await this.request<LaneInfo>(FrameType.addReader, {})).lane
  }

  /** Of a request on this connection that has not begun, or of a stream. */
  cancel(id: number): void {
    this.socket.write(encodeFrame(FrameType.cancel, id, ''))
  }

  /** On the control socket: of what runs, or waits, on another connection. */
  cancelRunning(on: Link, id: number): Asked<Cancelled> {
    return this.request(FrameType.cancel, {
      lane: on.welcome?.lane,
      session: on.welcome?.session,
      id,
    })
  }

  request<T>(type: FrameType, payload: object): Asked<T> {
    return this.#ask((id) => encodeFrame(type, id, JSON.stringify(payload)))
  }

  timed<T>(type: FrameType, { timeoutMs, ...command }: Options): Asked<T> {
    return this.#ask((id) => this.#timedFrame(type, id, command, timeoutMs))
  }

  /** The answer as it comes, whatever it is. */
  send(type: FrameType, payload: string | Uint8Array): Promise<Frame> {
    const id = this.#nextId++
    return new Promise((resolve, reject) => {
      this.#hear(id, resolve, reject)
      this.socket.write(encodeFrame(type, id, payload))
    })
  }

  sendTimed(type: FrameType, deadline: number, payload: string | Uint8Array): Promise<Frame> {
    const head = Buffer.alloc(8)
    head.writeDoubleBE(deadline)
    return this.send(type, Buffer.concat([head, Buffer.from(payload)]))
  }

  /** In the worker's clock. */
  deadline(timeoutMs: number): number {
    return performance.now() + this.#clockOffsetMs + timeoutMs
  }

  /** Instead of whoever asked. */
  hearAll(hear: (frame: Frame) => void): void {
    this.#hearAll = hear
  }

  close(): void {
    this.socket.destroy()
  }

  forget(id: number): void {
    this.#hearing.delete(id)
  }

  #timedFrame(type: FrameType, id: number, command: object, timeoutMs = TIMEOUT_MS): Buffer {
    return encodeTimedFrame(type, id, this.deadline(timeoutMs), JSON.stringify(command))
  }

  #ask<T>(encode: (id: number) => Buffer): Asked<T> {
    const id = this.#nextId++
    const answer = new Promise<Frame>((resolve, reject) => {
      this.#hear(id, resolve, reject)
      this.socket.write(encode(id))
    })
    return Object.assign(
      answer.then((frame) => understood<T>(frame)),
      { id },
    )
  }

  #hear(id: number, resolve: (frame: Frame) => void, reject: (error: Error) => void): void {
    if (this.socket.destroyed) reject(new LinkClosed('the connection is closed'))
    this.#hearing.set(id, (frame) => {
      this.#hearing.delete(id)
      if (frame) resolve(frame)
      else reject(new LinkClosed('the worker closed the connection'))
    })
  }

  #arrived(frame: Frame): void {
    if (this.#hearAll) this.#hearAll(frame)
    else if (frame.type === FrameType.notice && frame.id === 0)
      this.notices.push(JSON.parse(Buffer.from(frame.payload).toString()))
    else this.#hearing.get(frame.id)?.(frame)
  }
}

function understood<T>(frame: Frame): T {
  if (frame.type === FrameType.redirect) throw new Redirected('the other kind of lane')
  const answer = JSON.parse(Buffer.from(frame.payload).toString())
  if (frame.type === FrameType.error) throw new RemoteError(answer)
  return answer
}

/** What comes of a stream. */
export class Stream {
  readonly id: number
  readonly notices: WorkerNotice[] = []
  columns: readonly unknown[] | undefined
  text = ''
  rows = 0
  bytes = 0
  readonly #link: Link
  readonly #ended: Promise<unknown>
  #resolve: (end: unknown) => void = () => {}
  #reject: (error: unknown) => void = () => {}

  constructor(link: Link, id: number) {
    this.id = id
    this.#link = link
    this.#ended = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.#ended.catch(() => undefined)
  }

  /** The StreamEnd. Rejects with what it failed with. */
  end(): Promise<unknown> {
    return this.#ended
  }

  credit(bytes: number): void {
    const payload = Buffer.alloc(4)
    payload.writeUInt32BE(bytes)
    this.#link.socket.write(encodeFrame(FrameType.credit, this.id, payload))
  }

  cancel(): void {
    this.#link.cancel(this.id)
  }

  hear(frame: Frame | null): void {
    if (!frame) {
      this.#reject(new LinkClosed('the worker closed the connection'))
      return
    }
    const payload = Buffer.from(frame.payload)
    if (frame.type === FrameType.meta) this.columns = JSON.parse(payload.toString())
    else if (frame.type === FrameType.notice) this.notices.push(JSON.parse(payload.toString()))
    else if (frame.type === FrameType.rows) this.#heardRows(payload)
    else this.#heardEnd(frame)
  }

  #heardRows(payload: Buffer): void {
    this.rows += payload.readUInt32BE(0)
    this.bytes += payload.length - 4
    if (this.bytes < 1e6) this.text += payload.toString('utf8', 4)
  }

  #heardEnd(frame: Frame): void {
    this.#link.forget(this.id)
    try {
      this.#resolve(understood(frame))
    } catch (error) {
      this.#reject(error)
    }
  }
}
