/**
 * The bytes between gateway and worker: frames, each
 *
 *     length u32 big endian (of what follows) · type u8 · request id u32 big endian · payload
 *
 * Many requests may be in flight; an answer bears its request's id. Id 0 belongs to the connection itself.
 */

export const FRAME_HEADER_BYTES = 9
/** Largest frame either side accepts; a peer that announces more is cut off. */
export const FRAME_BYTES_MAX = 64 * 1024 * 1024
/** Rises when frames or messages change incompatibly; both sides refuse another version. */
export const PROTOCOL_VERSION = 1

export const FrameType = {
  /** gateway → worker, first frame of a connection: Hello. */
  hello: 1,
  /** worker → gateway: Welcome. */
  welcome: 2,
  /** QueryRequest. Answered by result or error. */
  query: 10,
  /** BatchRequest. */
  batch: 11,
  /** DescribeRequest. */
  describe: 12,
  /** HealthRequest, on the control socket. */
  health: 13,
  /** The JSON that the client will get, untouched by the gateway. */
  result: 20,
  /** WorkerError. */
  error: 21,
} as const
export type FrameType = (typeof FrameType)[keyof typeof FrameType]

export interface Frame {
  readonly type: number
  readonly id: number
  readonly payload: Uint8Array
}

export function encodeFrame(type: FrameType, id: number, payload: string | Uint8Array): Buffer {
  const bytes = typeof payload === 'string' ? Buffer.byteLength(payload) : payload.byteLength
  const frame = Buffer.allocUnsafe(FRAME_HEADER_BYTES + bytes)
  frame.writeUInt32BE(FRAME_HEADER_BYTES - 4 + bytes, 0)
  frame.writeUInt8(type, 4)
  frame.writeUInt32BE(id, 5)
  if (typeof payload === 'string') frame.write(payload, FRAME_HEADER_BYTES)
  else frame.set(payload, FRAME_HEADER_BYTES)
  return frame
}

export class FrameError extends Error {}

/** Cuts a stream of bytes into frames. Payloads are views of the input where a frame lies whole in one chunk. */
export class FrameDecoder {
  readonly #bytesMax: number
  #parts: Buffer[] = []
  #buffered = 0
  /** Bytes that the frame being assembled needs, its header included. */
  #wanted = FRAME_HEADER_BYTES

  constructor(bytesMax = FRAME_BYTES_MAX) {
    this.#bytesMax = bytesMax
  }

  /** @throws FrameError if the peer breaks the framing; the connection is then of no more use. */
  push(chunk: Buffer, onFrame: (frame: Frame) => void): void {
    this.#parts.push(chunk)
    this.#buffered += chunk.length
    if (this.#buffered < this.#wanted) return
    const bytes = this.#parts.length === 1 ? chunk : Buffer.concat(this.#parts)
    let at = 0
    this.#wanted = FRAME_HEADER_BYTES
    while (bytes.length - at >= FRAME_HEADER_BYTES) {
      const length = bytes.readUInt32BE(at)
      if (length < FRAME_HEADER_BYTES - 4 || length > this.#bytesMax)
        throw new FrameError(`a frame of ${length} bytes`)
      const end = at + 4 + length
      if (end > bytes.length) {
        this.#wanted = end - at
        break
      }
      onFrame({
        type: bytes.readUInt8(at + 4),
        id: bytes.readUInt32BE(at + 5),
        payload: bytes.subarray(at + FRAME_HEADER_BYTES, end),
      })
      at = end
    }
    this.#parts = at === bytes.length ? [] : [bytes.subarray(at)]
    this.#buffered = bytes.length - at
  }
}
