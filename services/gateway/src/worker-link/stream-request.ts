import { Column } from '@db-forge/contract'
import {
  encodeFrame,
  type Frame,
  FrameType,
  StreamEnd,
  type StreamFormat,
  WorkerNotice,
} from '@db-forge/contract/wire'
import { z } from 'zod'
import { failureOf, ProtocolError, parseJson, textOf } from './link-errors.ts'
import { type LinkCommand, LinkRequest } from './link-request.ts'

/** Bytes of rows that a stream may have under way: enough to keep the worker busy while a client reads. */
export const STREAM_CREDIT_BYTES = 256 * 1024
/** Credit is given back in portions, so that not each chunk costs a frame. */
const CREDIT_PORTION_BYTES = 64 * 1024
const NOTICES_MAX = 100
const NEWLINE = 0x0a
const COUNT_BYTES = 4

const Meta = z.array(Column).max(100_000)

export type StreamPart =
  | { readonly rows: number; readonly bytes: Uint8Array }
  | { readonly notice: WorkerNotice }

/**
 * A request that is answered in parts. The worker is told to go on as the parts are taken, so what lies here is
 * bounded by the credit and one chunk; a worker that sends more is cut off.
 */
export class StreamRequest extends LinkRequest {
  /** JSON list of the columns, once the engine has produced the first part. Rejects if it fails before. */
  readonly opened: Promise<string>
  /** Resolves at its end, with what it failed with if it did. */
  readonly done: Promise<Error | undefined>
  /** Rows that have come so far. */
  rows = 0
  #end: StreamEnd | undefined
  readonly #format: StreamFormat
  #open!: (meta: string) => void
  #failOpening!: (error: Error) => void
  #finish!: (failure: Error | undefined) => void
  #parts: StreamPart[] = []
  #notices = 0
  #credit = STREAM_CREDIT_BYTES
  #owed = 0
  #failure: Error | undefined
  #wake: (() => void) | undefined
  /** Nobody takes the parts any more. */
  #abandoned = false

  constructor(command: LinkCommand, format: StreamFormat) {
    super(command)
    this.#format = format
    this.opened = new Promise((resolve, reject) => {
      this.#open = resolve
      this.#failOpening = reject
    })
    this.done = new Promise((resolve) => {
      this.#finish = resolve
    })
    // Whoever iterates learns of the failure there.
    this.opened.catch(() => {})
  }

  /** After the last part. */
  get end(): StreamEnd {
    if (!this.#end) throw new Error('the stream has not ended')
    return this.#end
  }

  /** The engine works on it, or could. */
  get flowing(): boolean {
    return this.begun && !this.settled && this.#credit > 0
  }

  take(frame: Frame): boolean {
    if (frame.type === FrameType.error) {
      this.fail(failureOf(frame.payload))
      return true
    }
    if (frame.type === FrameType.meta) this.#takeMeta(frame.payload)
    else if (!this.begun) throw new ProtocolError('a stream must begin with its columns')
    else if (frame.type === FrameType.rows) this.#takeRows(frame.payload)
    else if (frame.type === FrameType.notice) this.#takeNotice(frame.payload)
    else if (frame.type === FrameType.result) {
      this.#takeEnd(frame.payload)
      return true
    } else throw new ProtocolError(`the worker streams a frame of type ${frame.type}`)
    return false
  }

  fail(error: Error): void {
    if (this.settled) return
    this.settled = true
    this.#failure = error
    this.#failOpening(error)
    this.#finish(error)
    this.#wake?.()
  }

  /** The parts that are still to come are not wanted. */
  abandon(): void {
    this.#abandoned = true
    this.#parts = []
  }

  /** Parts in their order. @throws what the stream failed with, after the parts that came before. */
  async *parts(): AsyncGenerator<StreamPart, void> {
    for (;;) {
      const part = this.#parts.shift()
      if (part) {
        yield part
        if ('bytes' in part) this.#giveBack(part.bytes.length)
      } else if (this.#failure) throw this.#failure
      else if (this.#end) return
      else await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  #takeMeta(payload: Uint8Array): void {
    if (this.begun || !Meta.safeParse(parseJson(payload)).success)
      throw new ProtocolError('the worker sent columns that cannot be read')
    this.begun = true
    this.#open(textOf(payload))
  }

  #takeRows(payload: Uint8Array): void {
    if (this.#credit <= 0) throw new ProtocolError('the worker streams beyond its credit')
    if (payload.length < COUNT_BYTES) throw new ProtocolError('rows without their number')
    const rows = Buffer.from(payload.buffer, payload.byteOffset).readUInt32BE(0)
    const bytes = payload.subarray(COUNT_BYTES)
    if (this.#format === 'ndjson' && bytes.length > 0 && bytes.at(-1) !== NEWLINE)
      throw new ProtocolError('a part of rows must end with its line')
    this.#credit -= bytes.length
    this.rows += rows
    if (bytes.length > 0) this.#push({ rows, bytes })
  }

  #takeNotice(payload: Uint8Array): void {
    const notice = WorkerNotice.safeParse(parseJson(payload)).data
    this.#notices += 1
    if (!notice || this.#notices > NOTICES_MAX)
      throw new ProtocolError('the worker sent a notice that cannot be read, or too many')
    this.#push({ notice })
  }

  #takeEnd(payload: Uint8Array): void {
    this.#end = StreamEnd.safeParse(parseJson(payload)).data
    if (!this.#end) throw new ProtocolError('the worker ended a stream in another form')
    this.settled = true
    this.#finish(undefined)
    this.#wake?.()
  }

  #push(part: StreamPart): void {
    if (this.#abandoned) return
    this.#parts.push(part)
    this.#wake?.()
  }

  #giveBack(bytes: number): void {
    this.#owed += bytes
    if (this.settled || this.#abandoned || this.#owed < CREDIT_PORTION_BYTES) return
    const portion = Buffer.allocUnsafe(4)
    portion.writeUInt32BE(this.#owed)
    this.#credit += this.#owed
    this.#owed = 0
    this.lane?.write(encodeFrame(FrameType.credit, this.id, portion))
  }
}
