import { connect, type Socket } from 'node:net'
import type { BatchResult, QueryResult, SchemaInfo } from '@db-forge/contract'
import type { WorkerError, WorkerHealth } from '@db-forge/contract/wire'
import {
  encodeFrame,
  type Frame,
  FrameDecoder,
  FrameType,
  PROTOCOL_VERSION,
} from '@db-forge/contract/wire/frame'

class RemoteError extends Error {
  readonly error: WorkerError
  constructor(error: WorkerError) {
    super(`${error.code}: ${error.detail}`)
    this.error = error
  }
}

export class LinkClosed extends Error {}

interface Waiting {
  resolve(frame: Frame): void
  reject(error: Error): void
}

const defaults = { maxRows: 1000, timeoutMs: 30_000, readOnly: false, rowFormat: 'object' }

/** The gateway's end of a connection, as small as can be. */
export class Link {
  readonly socket: Socket
  readonly #decoder = new FrameDecoder()
  readonly #waiting = new Map<number, Waiting>()
  #nextId = 1

  constructor(path: string) {
    this.socket = connect(path)
    this.socket.on('data', (chunk) => this.#decoder.push(chunk, (frame) => this.#arrived(frame)))
    this.socket.on('error', () => undefined)
    this.socket.on('close', () => {
      for (const { reject } of this.#waiting.values())
        reject(new LinkClosed('the worker closed the connection'))
      this.#waiting.clear()
    })
  }

  static async open(path: string, databaseId: string): Promise<Link> {
    const link = new Link(path)
    await link.request(FrameType.hello, { protocol: PROTOCOL_VERSION, databaseId })
    return link
  }

  query(sql: string, params?: unknown, options: object = {}): Promise<QueryResult> {
    return this.request(FrameType.query, { sql, params, ...defaults, ...options })
  }

  batch(statements: readonly object[], options: object = {}): Promise<BatchResult> {
    return this.request(FrameType.batch, { statements, ...defaults, ...options })
  }

  describe(request: object = {}): Promise<SchemaInfo> {
    return this.request(FrameType.describe, { counts: true, timeoutMs: 30_000, ...request })
  }

  health(): Promise<WorkerHealth> {
    return this.request(FrameType.health, {})
  }

  async request<T>(type: FrameType, payload: object): Promise<T> {
    const frame = await this.send(type, JSON.stringify(payload))
    const answer = JSON.parse(Buffer.from(frame.payload).toString())
    if (frame.type === FrameType.error) throw new RemoteError(answer)
    return answer
  }

  send(type: FrameType, payload: string | Uint8Array): Promise<Frame> {
    const id = this.#nextId++
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      this.socket.write(encodeFrame(type, id, payload))
    })
  }

  close(): void {
    this.socket.destroy()
  }

  #arrived(frame: Frame): void {
    this.#waiting.get(frame.id)?.resolve(frame)
    this.#waiting.delete(frame.id)
  }
}
