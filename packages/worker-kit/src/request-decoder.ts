import {
  FRAME_BYTES_MAX,
  FRAME_HEADER_BYTES,
  type Frame,
  FrameError,
} from '@db-forge/contract/wire/frame'

export interface RequestSink {
  frame(frame: Frame): void
  /** A request that is too large to be taken in: its bytes are passed over, the connection lives on. */
  tooLarge(id: number): void
}

/**
 * Cuts a stream of bytes into frames as the contract's decoder does, for a process with little memory: a frame
 * that comes in parts is put together in place, and one beyond the limit is told of and never held.
 */
export class RequestDecoder {
  readonly #bytesMax: number
  readonly #sink: RequestSink
  readonly #header = Buffer.alloc(FRAME_HEADER_BYTES)
  #headerBytes = 0
  #payload: Buffer | null = null
  #payloadBytes = 0
  #passOver = 0

  constructor(bytesMax: number, sink: RequestSink) {
    this.#bytesMax = bytesMax
    this.#sink = sink
  }

  /** @throws FrameError if the peer breaks the framing; the connection is then of no more use. */
  push(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length) {
      if (this.#passOver > 0) at += this.#skip(chunk.length - at)
      else if (this.#payload) at += this.#fill(this.#payload, chunk, at)
      else at += this.#begin(chunk, at)
    }
  }

  #skip(bytes: number): number {
    const skipped = Math.min(bytes, this.#passOver)
    this.#passOver -= skipped
    return skipped
  }

  #fill(payload: Buffer, chunk: Buffer, at: number): number {
    const copied = chunk.copy(payload, this.#payloadBytes, at)
    this.#payloadBytes += copied
    if (this.#payloadBytes === payload.length) {
      this.#payload = null
      this.#emit(payload)
    }
    return copied
  }

  /** The header, or the part of it that is there, and the payload where it lies whole in the chunk. */
  #begin(chunk: Buffer, at: number): number {
    const copied = chunk.copy(this.#header, this.#headerBytes, at)
    this.#headerBytes += copied
    if (this.#headerBytes < FRAME_HEADER_BYTES) return copied
    this.#headerBytes = 0
    const bytes = payloadBytes(this.#header)
    const end = at + copied + bytes
    if (bytes > this.#bytesMax) {
      this.#passOver = bytes
      this.#sink.tooLarge(this.#header.readUInt32BE(5))
    } else if (end <= chunk.length) {
      this.#emit(chunk.subarray(at + copied, end))
      return copied + bytes
    } else {
      this.#payload = Buffer.allocUnsafeSlow(bytes)
      this.#payloadBytes = 0
    }
    return copied
  }

  #emit(payload: Buffer): void {
    this.#sink.frame({ type: this.#header.readUInt8(4), id: this.#header.readUInt32BE(5), payload })
  }
}

function payloadBytes(header: Buffer): number {
  const length = header.readUInt32BE(0)
  const bytes = length - (FRAME_HEADER_BYTES - 4)
  if (bytes < 0 || length > FRAME_BYTES_MAX) throw new FrameError(`a frame of ${length} bytes`)
  return bytes
}
