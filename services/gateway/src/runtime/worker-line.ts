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

/** A worker is hostile territory: what it says here is short, or it is not listened to. */
const ANSWER_BYTES_MAX = 64 * 1024

/** `absent`: nobody listens. `silent`: no answer in time. `foreign`: an answer, but not the one of this worker. */
export class WorkerLineError extends Error {
  readonly kind: 'absent' | 'silent' | 'foreign'
  constructor(kind: WorkerLineError['kind'], message: string) {
    super(message)
    this.kind = kind
  }
}

/** A short conversation with a worker over one of its sockets: one question at a time. */
export class WorkerLine {
  readonly closed: Promise<void>
  readonly connected: Promise<void>
  readonly #socket: Socket
  #asked = 0
  #waiting: { resolve: (frame: Frame) => void; reject: (error: Error) => void } | null = null

  constructor(path: string) {
    const decoder = new FrameDecoder(ANSWER_BYTES_MAX)
    this.#socket = connect(path)
    this.closed = new Promise((resolve) => this.#socket.once('close', () => resolve()))
    this.connected = new Promise((resolve, reject) => {
      this.#socket.once('connect', () => resolve())
      this.#socket.once('error', (error) => reject(lineError(error)))
    })
    this.connected.catch(() => {})
    this.#socket.on('error', (error) => this.#fail(lineError(error)))
    this.#socket.on('close', () => this.#fail(new WorkerLineError('foreign', 'the worker hung up')))
    this.#socket.on('data', (chunk) => {
      try {
        decoder.push(chunk, (frame) => {
          if (frame.id === this.#asked - 1) this.#waiting?.resolve(frame)
        })
      } catch (error) {
        this.#fail(new WorkerLineError('foreign', String(error)))
        this.close()
      }
    })
  }

  /** The first question of a line is the hello, which has id 0. */
  async ask(type: FrameType, payload: string | Uint8Array, timeoutMs: number): Promise<Frame> {
    const id = this.#asked++
    let timer: NodeJS.Timeout | undefined
    try {
      return await new Promise<Frame>((resolve, reject) => {
        this.#waiting = { resolve, reject }
        const silent = new WorkerLineError('silent', `no answer in ${Math.round(timeoutMs)} ms`)
        timer = setTimeout(() => reject(silent), timeoutMs)
        this.#socket.write(encodeFrame(type, id, payload))
      })
    } finally {
      clearTimeout(timer)
      this.#waiting = null
    }
  }

  close(): void {
    this.#socket.destroy()
  }

  /** An open line does not keep the gateway alive. */
  unref(): this {
    this.#socket.unref()
    return this
  }

  #fail(error: Error): void {
    this.#waiting?.reject(error)
  }
}

function lineError(error: NodeJS.ErrnoException): WorkerLineError {
  const absent = error.code === 'ENOENT' || error.code === 'ECONNREFUSED'
  return new WorkerLineError(absent ? 'absent' : 'foreign', error.message)
}

/**
 * Opens a line and has the worker say who it is. The caller closes the line.
 * @throws WorkerLineError if it is not the worker of this database, or none.
 */
export async function callWorker(
  path: string,
  databaseId: DatabaseId,
  timeoutMs: number,
): Promise<{ readonly line: WorkerLine; readonly welcome: Welcome }> {
  const line = new WorkerLine(path)
  try {
    const hello = JSON.stringify({ protocol: PROTOCOL_VERSION, databaseId })
    return {
      line,
      welcome: parseWelcome(await line.ask(FrameType.hello, hello, timeoutMs), databaseId),
    }
  } catch (error) {
    line.close()
    throw error
  }
}

/** @throws WorkerLineError if nobody accepts. */
export async function connectsTo(path: string, timeoutMs: number): Promise<void> {
  const line = new WorkerLine(path)
  const silent = new WorkerLineError('silent', `not accepted in ${Math.round(timeoutMs)} ms`)
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(silent), timeoutMs)
  })
  await Promise.race([line.connected, late]).finally(() => {
    clearTimeout(timer)
    line.close()
  })
}

function parseWelcome(frame: Frame, databaseId: DatabaseId): Welcome {
  if (frame.type !== FrameType.welcome)
    throw new WorkerLineError('foreign', `frame ${frame.type} instead of a welcome`)
  const welcome = Welcome.safeParse(parseJson(frame))
  if (!welcome.success) throw new WorkerLineError('foreign', 'a welcome of another form')
  const { protocol, databaseId: theirs } = welcome.data
  if (protocol !== PROTOCOL_VERSION || theirs !== databaseId)
    throw new WorkerLineError('foreign', `the worker of ${theirs}, protocol ${protocol}`)
  return welcome.data
}

export function parseJson(frame: Frame): unknown {
  try {
    return JSON.parse(Buffer.from(frame.payload).toString())
  } catch {
    return undefined
  }
}
