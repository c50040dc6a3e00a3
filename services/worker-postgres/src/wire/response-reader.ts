/** The type of a message and the length of what follows, which counts itself. */
const HEAD_BYTES = 5

export interface ResponseSink {
  message(type: number, body: Buffer): void
  /** A message larger than is taken in: its bytes are passed over. */
  tooLarge(type: number): void
}

/**
 * Cuts what the server sends into messages. What lies whole in a chunk is handed on as a view of it; a message beyond
 * the limit is never held.
 */
export class ResponseReader {
  readonly #bytesMax: number
  readonly #sink: ResponseSink
  #rest: Buffer | null = null
  #body: Buffer | null = null
  #bodyType = 0
  #bodyBytes = 0
  #passOver = 0

  constructor(bytesMax: number, sink: ResponseSink) {
    this.#bytesMax = bytesMax
    this.#sink = sink
  }

  push(read: Buffer): void {
    const chunk = this.#rest ? Buffer.concat([this.#rest, read]) : read
    this.#rest = null
    let at = this.#finish(chunk)
    while (chunk.length - at >= HEAD_BYTES) {
      const type = chunk.readUInt8(at)
      const bytes = chunk.readInt32BE(at + 1) - 4
      at += HEAD_BYTES
      if (bytes > this.#bytesMax) {
        this.#passOver = bytes
        this.#sink.tooLarge(type)
        at += this.#skip(chunk.length - at)
      } else if (chunk.length - at >= bytes) {
        this.#sink.message(type, chunk.subarray(at, at + bytes))
        at += bytes
      } else {
        this.#begin(type, bytes, chunk.subarray(at))
        return
      }
    }
    if (at < chunk.length) this.#rest = chunk.subarray(at)
  }

  #begin(type: number, bytes: number, first: Buffer): void {
    this.#body = Buffer.allocUnsafe(bytes)
    this.#bodyType = type
    this.#bodyBytes = first.copy(this.#body)
  }

  /** Goes on with the message that the chunk before broke off. */
  #finish(chunk: Buffer): number {
    const skipped = this.#skip(chunk.length)
    if (!this.#body) return skipped
    const copied = chunk.copy(this.#body, this.#bodyBytes)
    this.#bodyBytes += copied
    if (this.#bodyBytes < this.#body.length) return copied
    const body = this.#body
    this.#body = null
    this.#sink.message(this.#bodyType, body)
    return copied
  }

  #skip(bytes: number): number {
    const skipped = Math.min(bytes, this.#passOver)
    this.#passOver -= skipped
    return skipped
  }
}
