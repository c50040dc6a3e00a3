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
export const PROTOCOL_VERSION = 3

export const FrameType = {
  /** gateway → worker, first frame of a connection: Hello. */
  hello: 1,
  /** worker → gateway: Welcome. */
  welcome: 2,
  /** Timed. QueryCommand. Answered by result, error or redirect. */
  query: 10,
  /** Timed. BatchCommand. Answered by result or error. */
  batch: 11,
  /** Timed. DescribeRequest. */
  describe: 12,
  /** HealthRequest, on the control socket. */
  health: 13,
  /** Timed. StreamCommand. Answered by meta, any number of rows and notice, then result (StreamEnd) or error; or by redirect. */
  stream: 14,
  /** Timed. BeginCommand; the deadline is that of the whole transaction. Answered by result (Begun) or error. */
  begin: 15,
  /** Timed. EndCommand. Answered by an empty object. */
  commit: 16,
  /** Timed. EndCommand. */
  rollback: 17,
  /** Control socket: starts one more reader. Answered by result (LaneInfo) or error `database.busy` where there is no room. */
  addReader: 18,
  /** The JSON that the client will get, untouched by the gateway. */
  result: 20,
  /** WorkerError. */
  error: 21,
  /** JSON list of the columns of a stream. */
  meta: 22,
  /** u32 big endian number of rows, then their text in the format that was asked for. */
  rows: 23,
  /** Empty: this lane is the wrong one for the statement, which has not run; the other kind of lane will take it. */
  redirect: 24,
  /** WorkerNotice; of id 0 on the control socket, else within a stream. */
  notice: 25,
  /** gateway → worker, u32 big endian: bytes of rows that a stream may send beyond what it was allowed before. */
  credit: 30,
  /**
   * gateway → worker. With a request's id on its own connection, empty and not answered: it is not begun if it waits, and
   * ended if it is a stream. On the control socket: CancelCommand, which ends what runs and keeps what waits from
   * beginning; answered by result (Cancelled). Either way the request itself is answered once its lane comes to it.
   */
  cancel: 31,
  /** Control socket: ConfigureCommand. Answered by an empty object. */
  configure: 32,
  /** Control socket: PasswordCommand. Answered by an empty object. */
  setPassword: 33,
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

/** Before the payload of a timed request: f64 big endian, the deadline in milliseconds of the worker's own clock (Welcome). */
export const DEADLINE_BYTES = 8

export function encodeTimedFrame(
  type: FrameType,
  id: number,
  deadline: number,
  payload: string,
): Buffer {
  const bytes = DEADLINE_BYTES + Buffer.byteLength(payload)
  const frame = Buffer.allocUnsafe(FRAME_HEADER_BYTES + bytes)
  frame.writeUInt32BE(FRAME_HEADER_BYTES - 4 + bytes, 0)
  frame.writeUInt8(type, 4)
  frame.writeUInt32BE(id, 5)
  frame.writeDoubleBE(deadline, FRAME_HEADER_BYTES)
  frame.write(payload, FRAME_HEADER_BYTES + DEADLINE_BYTES)
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

  /** Bytes of a frame that has not come whole yet. */
  get buffered(): number {
    return this.#buffered
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
