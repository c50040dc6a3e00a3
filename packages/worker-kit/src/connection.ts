/**
 * The worker's end of a connection: handshake, then frames are handed on as they come, and answers written, corked
 * per turn. A peer that does not read its answers is not read from either.
 */
import type { Socket } from 'node:net'
import {
  encodeFrame,
  FRAME_HEADER_BYTES,
  type Frame,
  FrameError,
  FrameType,
  PROTOCOL_VERSION,
} from '@db-forge/contract/wire/frame'
import type { Payload } from './payload.ts'
import { parseJson } from './request.ts'
import { RequestDecoder } from './request-decoder.ts'
import { errorText, WorkerFailure } from './worker-failure.ts'

export interface Service {
  readonly databaseId: string
  readonly requestBytesMax: number
  /** @returns a number for a connection that opens. */
  openSession(): number
  /** JSON text of the Welcome. */
  welcome(session: number): string
  /** Takes a frame in; answers at once or later. What it throws becomes an error frame. */
  receive(frame: Frame, from: Connection): void
  /** It can be written to again. */
  drained(connection: Connection): void
  closed(connection: Connection): void
}

const HELLO_WITHIN_MS = 10_000

export class Connection {
  readonly session: number
  readonly #socket: Socket
  readonly #service: Service
  readonly #decoder: RequestDecoder
  #greeted = false
  #corked = false
  #held = false

  constructor(socket: Socket, service: Service) {
    this.session = service.openSession()
    this.#socket = socket
    this.#service = service
    this.#decoder = new RequestDecoder(service.requestBytesMax, {
      frame: (frame) => this.#take(frame),
      tooLarge: (id) => this.#refuseLarge(id),
    })
    const helloTimer = setTimeout(() => this.#greeted || socket.destroy(), HELLO_WITHIN_MS).unref()
    socket.on('data', (chunk: Buffer) => this.#receive(chunk))
    socket.on('drain', () => this.#drained())
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      clearTimeout(helloTimer)
      service.closed(this)
    })
  }

  /** Neither to be written to nor heard from any more. */
  get closed(): boolean {
    return this.#socket.destroyed || this.#socket.writableEnded
  }

  /** The peer has not read what it has been sent. */
  get choked(): boolean {
    return this.#socket.writableNeedDrain
  }

  get greeted(): boolean {
    return this.#greeted
  }

  /** While it is held nothing is read from it. */
  hold(yes: boolean): void {
    this.#held = yes
    this.#readOrNot()
  }

  send(type: FrameType, id: number, payload: Payload): void {
    if (this.closed) {
      if (typeof payload !== 'string') payload.release()
      return
    }
    this.#cork()
    if (typeof payload === 'string') {
      this.#socket.write(encodeFrame(type, id, payload))
      this.#readOrNot()
      return
    }
    this.#socket.write(frameHeader(type, id, payload.parts))
    for (const part of payload.parts) this.#socket.write(part)
    this.#socket.write('', () => payload.release())
    this.#readOrNot()
  }

  fail(id: number, error: unknown): void {
    this.send(FrameType.error, id, errorText(error))
  }

  /** Sends what is written and closes; a peer that does not read gets no more than `withinMs`. */
  async end(withinMs: number): Promise<void> {
    if (this.#socket.destroyed) return
    const closed = new Promise<void>((resolve) => this.#socket.once('close', () => resolve()))
    setTimeout(() => this.#socket.destroy(), withinMs).unref()
    this.#socket.resume()
    this.#socket.end(() => this.#socket.destroy())
    await closed
  }

  #receive(chunk: Buffer): void {
    if (this.closed) return
    try {
      this.#decoder.push(chunk)
    } catch (error) {
      if (!(error instanceof FrameError)) throw error
      this.#socket.destroy()
    }
  }

  #refuseLarge(id: number): void {
    const limit = `this worker takes requests of up to ${this.#service.requestBytesMax} bytes; more memory raises that`
    this.fail(id, new WorkerFailure('request.too_large', limit))
    if (!this.#greeted) this.#socket.destroy()
  }

  #take(frame: Frame): void {
    if (this.closed) return
    try {
      if (this.#greeted) this.#service.receive(frame, this)
      else this.#greet(frame)
    } catch (error) {
      this.fail(frame.id, error)
      if (!this.#greeted) this.#socket.end()
    }
  }

  #greet(frame: Frame): void {
    if (frame.type !== FrameType.hello)
      throw new WorkerFailure('request.invalid', 'the first frame must be a hello')
    const hello = parseJson(frame.payload)
    if (hello['protocol'] !== PROTOCOL_VERSION)
      throw new WorkerFailure(
        'request.invalid',
        `this worker speaks version ${PROTOCOL_VERSION} of the protocol`,
      )
    if (hello['databaseId'] !== this.#service.databaseId)
      throw new WorkerFailure('request.invalid', 'this worker serves another database')
    this.#greeted = true
    this.send(FrameType.welcome, frame.id, this.#service.welcome(this.session))
  }

  #drained(): void {
    this.#readOrNot()
    this.#service.drained(this)
  }

  #readOrNot(): void {
    const still = this.#held || this.choked
    if (still === this.#socket.isPaused() || this.#socket.destroyed) return
    if (still) this.#socket.pause()
    else this.#socket.resume()
  }

  #cork(): void {
    if (this.#corked) return
    this.#corked = true
    this.#socket.cork()
    process.nextTick(() => {
      this.#corked = false
      this.#socket.uncork()
    })
  }
}

function frameHeader(type: FrameType, id: number, parts: readonly Buffer[]): Buffer {
  const header = encodeFrame(type, id, '')
  const bytes = parts.reduce((sum, part) => sum + part.length, 0)
  header.writeUInt32BE(FRAME_HEADER_BYTES - 4 + bytes, 0)
  return header
}
