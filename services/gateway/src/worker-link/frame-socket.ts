import { connect, type Socket } from 'node:net'
import type { DatabaseId } from '@db-forge/contract'
import {
  encodeFrame,
  type Frame,
  FrameDecoder,
  FrameType,
  PROTOCOL_VERSION,
  Welcome,
} from '@db-forge/contract/wire'
import { LinkDownError, ProtocolError, parseJson } from './link-errors.ts'

export interface FrameSocketOptions {
  readonly path: string
  readonly databaseId: DatabaseId
  /** Until the worker has introduced itself; null: as long as the socket stays open. */
  readonly timeoutMs: number | null
  readonly frameBytesMax: number
  readonly signal?: AbortSignal
}

export interface FrameSink {
  /** What it throws ends the connection. */
  frame(frame: Frame): void
  closed(cause: Error): void
  /** More than a little of a frame is here that has not come whole yet. */
  large?(): void
}

const LARGE_BYTES = 1024 * 1024
/** To copy so little costs less than to hand it to the system as a list. */
const SMALL_BYTES = 4096

/**
 * The gateway's end of one socket of a worker. What the worker sends is not trusted: frames are bounded, and it must
 * have introduced itself as the worker of this very database.
 */
export class FrameSocket {
  readonly welcome: Welcome
  /** What must be added to a time of `performance.now()` to have the worker's own. */
  readonly clockOffset: number
  readonly #socket: Socket
  readonly #decoder: FrameDecoder
  #early: Frame[]
  #sink: FrameSink | undefined
  #out: Buffer[] = []
  #ended: Error | undefined

  private constructor(socket: Socket, greeting: Greeting) {
    this.#socket = socket
    this.#decoder = greeting.decoder
    this.#early = greeting.early
    this.welcome = greeting.welcome
    this.clockOffset = greeting.clockOffset
    socket.removeAllListeners('data')
    socket.removeAllListeners('error')
    socket.on('data', (chunk: Buffer) => this.#receive(chunk))
    socket.on('error', (error) => {
      this.#ended ??= error
    })
    socket.on('close', () => {
      this.#ended ??= new Error('the worker closed the connection')
      this.#sink?.closed(this.#ended)
    })
  }

  /** @throws LinkDownError when there is no worker at `path` that owns this database. */
  static async open(options: FrameSocketOptions): Promise<FrameSocket> {
    const socket = connect(options.path)
    // Also for what comes after its failure is known.
    socket.on('error', () => {})
    const give = () => socket.destroy()
    options.signal?.addEventListener('abort', give, { once: true })
    try {
      const greeting = await greet(socket, options)
      return new FrameSocket(socket, greeting)
    } catch (cause) {
      socket.destroy()
      throw new LinkDownError((cause as Error).message, false, { cause })
    } finally {
      options.signal?.removeEventListener('abort', give)
    }
  }

  get closed(): boolean {
    return this.#ended !== undefined || this.#socket.destroyed
  }

  /** Bytes of a frame that has not come whole yet. */
  get buffered(): number {
    return this.#decoder.buffered
  }

  listen(sink: FrameSink): void {
    this.#sink = sink
    const early = this.#early
    this.#early = []
    if (this.closed) setImmediate(() => sink.closed(this.#ended ?? new Error('closed')))
    else
      this.#guarded(() => {
        for (const frame of early) this.#deliver(frame)
      })
  }

  /** What is written within one turn of the event loop leaves in one piece where it is small. */
  write(frame: Buffer): void {
    if (this.closed) return
    if (this.#out.length === 0) setImmediate(() => this.#flush())
    this.#out.push(frame)
  }

  #flush(): void {
    const out = this.#out
    this.#out = []
    if (this.closed) return
    const small = out.length > 1 && out.every(({ length }) => length <= SMALL_BYTES)
    for (const bytes of small ? [Buffer.concat(out)] : out) this.#socket.write(bytes)
  }

  destroy(reason: Error): void {
    this.#ended ??= reason
    this.#socket.destroy()
  }

  #receive(chunk: Buffer): void {
    this.#guarded(() => {
      this.#decoder.push(chunk, (frame) => this.#deliver(frame))
      if (this.#decoder.buffered > LARGE_BYTES) this.#sink?.large?.()
    })
  }

  #deliver(frame: Frame): void {
    if (this.#ended !== undefined) return
    if (this.#sink) this.#sink.frame(frame)
    else this.#early.push(frame)
  }

  #guarded(act: () => void): void {
    try {
      act()
    } catch (error) {
      this.destroy(error as Error)
    }
  }
}

interface Greeting {
  readonly welcome: Welcome
  readonly clockOffset: number
  readonly decoder: FrameDecoder
  /** What came along with the welcome. */
  readonly early: Frame[]
}

function greet(socket: Socket, options: FrameSocketOptions): Promise<Greeting> {
  const { databaseId, timeoutMs } = options
  const decoder = new FrameDecoder(options.frameBytesMax)
  const frames: Frame[] = []
  let sentAt = 0
  socket.once('connect', () => {
    sentAt = performance.now()
    const hello = JSON.stringify({ protocol: PROTOCOL_VERSION, databaseId })
    socket.write(encodeFrame(FrameType.hello, 0, hello))
  })
  return new Promise((resolve, reject) => {
    const timer =
      timeoutMs === null
        ? undefined
        : setTimeout(() => reject(new Error('the worker did not introduce itself')), timeoutMs)
    const settle = (outcome: () => void) => {
      clearTimeout(timer)
      outcome()
    }
    socket.once('error', (error) => settle(() => reject(error)))
    socket.once('close', () => settle(() => reject(new Error('the worker hung up'))))
    socket.on('data', (chunk: Buffer) => {
      try {
        decoder.push(chunk, (frame) => frames.push(frame))
        const [first, ...early] = frames
        if (!first) return
        const welcome = readWelcome(first, databaseId)
        const clockOffset = welcome.clockMs - (sentAt + performance.now()) / 2
        settle(() => resolve({ welcome, clockOffset, decoder, early }))
      } catch (error) {
        settle(() => reject(error))
      }
    })
  })
}

function readWelcome(frame: Frame, databaseId: DatabaseId): Welcome {
  if (frame.type !== FrameType.welcome || frame.id !== 0)
    throw new ProtocolError('the worker did not introduce itself')
  const welcome = Welcome.safeParse(parseJson(frame.payload)).data
  if (!welcome) throw new ProtocolError('the worker introduced itself in another form')
  if (welcome.databaseId !== databaseId || welcome.protocol !== PROTOCOL_VERSION)
    throw new ProtocolError(
      `it owns ${welcome.databaseId} and speaks version ${welcome.protocol} of the protocol`,
    )
  return welcome
}
