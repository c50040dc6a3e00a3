import { connect, type Socket } from 'node:net'
import type { DatabaseId } from '@db-forge/contract'
import {
  encodeFrame,
  type Frame,
  FrameDecoder,
  FrameType,
  PROTOCOL_VERSION,
  Welcome,
  WorkerError,
} from '@db-forge/contract/wire'

/** The connection is gone. `sent`: the request had been written, so the worker may have carried it out. */
export class LinkDownError extends Error {
  readonly sent: boolean
  constructor(message: string, sent: boolean, options?: ErrorOptions) {
    super(message, options)
    this.sent = sent
  }
}

/** The worker did not answer in time; whether it carries the request out is not known. */
export class LinkTimeoutError extends Error {}

/** The worker answered that the request failed. */
export class WorkerFailure extends Error {
  readonly failure: WorkerError
  constructor(failure: WorkerError) {
    super(failure.detail)
    this.failure = failure
  }
}

interface Pending {
  readonly resolve: (payload: Uint8Array) => void
  readonly reject: (error: Error) => void
  readonly timer: NodeJS.Timeout
}

export interface ConnectOptions {
  readonly path: string
  readonly databaseId: DatabaseId
  readonly timeoutMs: number
  readonly onClose?: (connection: WorkerConnection) => void
}

/**
 * The gateway's end of one socket of a worker: many requests in flight, each answered by its id. What the
 * worker sends is not trusted: frames are bounded, unknown ids are dropped, messages are parsed.
 */
export class WorkerConnection {
  readonly #socket: Socket
  readonly #pending = new Map<number, Pending>()
  #nextId = 1
  #corked = false
  #welcome: Welcome | undefined
  #closed: Error | undefined

  private constructor(socket: Socket) {
    this.#socket = socket
  }

  /** @throws LinkDownError when there is no worker at `path` that owns this database. */
  static async connect(options: ConnectOptions): Promise<WorkerConnection> {
    const socket = await openSocket(options.path, options.timeoutMs)
    const connection = new WorkerConnection(socket)
    connection.#listen(options.onClose)
    try {
      const hello = JSON.stringify({ protocol: PROTOCOL_VERSION, databaseId: options.databaseId })
      const payload = await connection.#exchange(FrameType.hello, hello, options.timeoutMs)
      const welcome = Welcome.parse(parseJson(payload))
      if (welcome.databaseId !== options.databaseId || welcome.protocol !== PROTOCOL_VERSION)
        throw new Error(`it owns ${welcome.databaseId} and speaks version ${welcome.protocol}`)
      connection.#welcome = welcome
      return connection
    } catch (error) {
      socket.destroy()
      throw new LinkDownError('the worker did not introduce itself', false, { cause: error })
    }
  }

  get welcome(): Welcome {
    if (!this.#welcome) throw new Error('not connected yet')
    return this.#welcome
  }

  get closed(): boolean {
    return this.#closed !== undefined
  }

  /**
   * Sends one request. Resolves with the payload of its `result` frame.
   * @throws WorkerFailure, LinkDownError or LinkTimeoutError.
   */
  request(type: FrameType, payload: string, timeoutMs: number): Promise<Uint8Array> {
    if (this.#closed) return Promise.reject(new LinkDownError(this.#closed.message, false))
    return this.#exchange(type, payload, timeoutMs)
  }

  close(): void {
    this.#socket.destroy()
  }

  #exchange(type: FrameType, payload: string, timeoutMs: number): Promise<Uint8Array> {
    const id = this.#nextId
    this.#nextId = id === 0xffff_ffff ? 1 : id + 1
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(id)
        reject(new LinkTimeoutError(`no answer within ${timeoutMs} ms`))
      }, timeoutMs)
      this.#pending.set(id, { resolve, reject, timer })
      this.#write(encodeFrame(type, id, payload))
    })
  }

  /** What is written within one turn of the event loop leaves in one system call. */
  #write(frame: Buffer): void {
    if (!this.#corked) {
      this.#corked = true
      this.#socket.cork()
      setImmediate(() => {
        this.#corked = false
        this.#socket.uncork()
      })
    }
    this.#socket.write(frame)
  }

  #listen(onClose: ConnectOptions['onClose']): void {
    const decoder = new FrameDecoder()
    let failure: Error | undefined
    this.#socket.on('data', (chunk: Buffer) => {
      try {
        decoder.push(chunk, (frame) => this.#settle(frame))
      } catch (error) {
        this.#socket.destroy(error as Error)
      }
    })
    this.#socket.on('error', (error) => {
      failure = error
    })
    this.#socket.on('close', () => {
      this.#closed = failure ?? new Error('the worker closed the connection')
      for (const { reject, timer } of this.#pending.values()) {
        clearTimeout(timer)
        reject(new LinkDownError(this.#closed.message, true, { cause: failure }))
      }
      this.#pending.clear()
      onClose?.(this)
    })
  }

  #settle(frame: Frame): void {
    const pending = this.#pending.get(frame.id)
    if (!pending) return
    this.#pending.delete(frame.id)
    clearTimeout(pending.timer)
    if (frame.type === FrameType.result || frame.type === FrameType.welcome)
      pending.resolve(frame.payload)
    else if (frame.type === FrameType.error) pending.reject(failureOf(frame.payload))
    else
      pending.reject(
        new LinkDownError(`the worker answered with a frame of type ${frame.type}`, true),
      )
  }
}

function openSocket(path: string, timeoutMs: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path)
    const fail = (error: Error) => {
      clearTimeout(timer)
      socket.destroy()
      reject(new LinkDownError(error.message, false, { cause: error }))
    }
    const timer = setTimeout(() => fail(new Error('the socket did not open in time')), timeoutMs)
    socket.once('error', fail)
    socket.once('connect', () => {
      clearTimeout(timer)
      socket.off('error', fail)
      resolve(socket)
    })
  })
}

const parseJson = (payload: Uint8Array): unknown =>
  JSON.parse(Buffer.from(payload).toString('utf8'))

function failureOf(payload: Uint8Array): Error {
  try {
    return new WorkerFailure(WorkerError.parse(parseJson(payload)))
  } catch (error) {
    return new LinkDownError('the worker sent an error that cannot be read', true, { cause: error })
  }
}
