/**
 * The worker's end of a connection: handshake, then requests one after another in the order of their arrival,
 * answers corked per turn. A peer that does not read its answers is not read from either, so memory is bounded by
 * one chunk of requests and one answer beyond the high-water mark.
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
import type { Payload } from './json-text.ts'
import { parseJson } from './request.ts'
import { RequestDecoder } from './request-decoder.ts'
import { errorText, WorkerFailure } from './worker-failure.ts'

export type Reply = (type: FrameType, payload: Payload) => void

export interface Service {
  readonly databaseId: string
  /** JSON text of the Welcome. */
  readonly welcome: string
  readonly requestBytesMax: number
  /** Handles one request; may reply later. What it throws becomes an error frame. */
  handle(frame: Frame, reply: Reply): void
  /** Whether to begin no further request. */
  isStopping(): boolean
}

const HELLO_WITHIN_MS = 10_000

export class Connection {
  readonly #socket: Socket
  readonly #service: Service
  readonly #decoder: RequestDecoder
  #waiting: Frame[] = []
  #greeted = false
  #corked = false

  constructor(socket: Socket, service: Service) {
    this.#socket = socket
    this.#service = service
    this.#decoder = new RequestDecoder(service.requestBytesMax, {
      frame: (frame) => this.#waiting.push(frame),
      tooLarge: (id) => this.#refuseLarge(id),
    })
    const helloTimer = setTimeout(() => this.#greeted || socket.destroy(), HELLO_WITHIN_MS).unref()
    socket.on('data', (chunk: Buffer) => this.#receive(chunk))
    socket.on('drain', () => this.#work())
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      clearTimeout(helloTimer)
      this.#waiting = []
    })
  }

  /** Sends what is written and closes; a peer that does not read gets no more than `withinMs`. */
  async end(withinMs: number): Promise<void> {
    this.#waiting = []
    if (this.#socket.destroyed) return
    const closed = new Promise<void>((resolve) => this.#socket.once('close', () => resolve()))
    setTimeout(() => this.#socket.destroy(), withinMs).unref()
    this.#socket.resume()
    this.#socket.end(() => this.#socket.destroy())
    await closed
  }

  #receive(chunk: Buffer): void {
    try {
      this.#decoder.push(chunk)
    } catch (error) {
      if (!(error instanceof FrameError)) throw error
      this.#socket.destroy()
      return
    }
    this.#work()
  }

  #refuseLarge(id: number): void {
    const limit = `this worker takes requests of up to ${this.#service.requestBytesMax} bytes; more memory raises that`
    this.#send(FrameType.error, id, errorText(new WorkerFailure('request.too_large', limit)))
    if (!this.#greeted) this.#socket.destroy()
  }

  #work(): void {
    let done = 0
    for (const frame of this.#waiting) {
      if (this.#socket.writableNeedDrain || this.#socket.destroyed || this.#service.isStopping())
        break
      done += 1
      this.#answer(frame)
    }
    this.#waiting = done === this.#waiting.length ? [] : this.#waiting.slice(done)
    if (this.#waiting.length > 0) this.#socket.pause()
    else if (this.#socket.isPaused()) this.#socket.resume()
  }

  #answer(frame: Frame): void {
    try {
      if (!this.#greeted) this.#greet(frame)
      else this.#service.handle(frame, (type, payload) => this.#send(type, frame.id, payload))
    } catch (error) {
      this.#send(FrameType.error, frame.id, errorText(error))
      if (!this.#greeted) this.#socket.end()
    }
  }

  #greet(frame: Frame): void {
    const { databaseId, welcome } = this.#service
    if (frame.type !== FrameType.hello)
      throw new WorkerFailure('request.invalid', 'the first frame must be a hello')
    const hello = parseJson(frame.payload)
    if (hello['protocol'] !== PROTOCOL_VERSION)
      throw new WorkerFailure(
        'request.invalid',
        `this worker speaks version ${PROTOCOL_VERSION} of the protocol`,
      )
    if (hello['databaseId'] !== databaseId)
      throw new WorkerFailure('request.invalid', 'this worker serves another database')
    this.#greeted = true
    this.#send(FrameType.welcome, frame.id, welcome)
  }

  #send(type: FrameType, id: number, payload: Payload): void {
    if (this.#socket.destroyed || this.#socket.writableEnded) return
    this.#cork()
    if (typeof payload === 'string') {
      this.#socket.write(encodeFrame(type, id, payload))
      return
    }
    this.#socket.write(frameHeader(type, id, payload.parts))
    for (const part of payload.parts) this.#socket.write(part)
    this.#socket.write('', () => payload.release())
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
