import { join } from 'node:path'
import type { DatabaseId } from '@db-forge/contract'
import {
  type CancelCommand,
  Cancelled,
  type ConfigureCommand,
  encodeFrame,
  type Frame,
  FrameType,
  LaneInfo,
  type PasswordCommand,
  SOCKETS,
  type Welcome,
  WorkerHealth,
  WorkerNotice,
} from '@db-forge/contract/wire'
import { FrameSocket } from './frame-socket.ts'
import {
  failureOf,
  LateAnswerError,
  LinkDownError,
  ProtocolError,
  parseJson,
} from './link-errors.ts'

const FRAME_BYTES_MAX = 64 * 1024
export const SETTINGS_MS = 5000
/** A worker that has more to say than this is not told from one that wants to fill our log. */
const NOTICES_PER_MINUTE = 60

export interface ControlOptions {
  readonly runDir: string
  readonly databaseId: DatabaseId
  readonly timeoutMs: number
}

export interface ControlEvents {
  onNotice(notice: WorkerNotice): void
  onClosed(cause: Error): void
}

interface Question {
  readonly resolve: (payload: Uint8Array) => void
  readonly reject: (error: Error) => void
}

/** What a worker goes by while it runs. Both @throws LateAnswerError, LinkDownError, WorkerFailure. */
export interface WorkerSettings {
  configure(command: ConfigureCommand): Promise<void>
  setPassword(command: PasswordCommand): Promise<void>
}

/** The socket of the worker's thread that never runs SQL: it answers at any time. */
export class ControlChannel implements WorkerSettings {
  readonly #socket: FrameSocket
  /** What was asked; null once nobody waits for the answer any more. */
  readonly #asked = new Map<number, Question | null>()
  #nextId = 1
  #events: ControlEvents | undefined
  #notices = { count: 0, since: 0 }

  private constructor(socket: FrameSocket) {
    this.#socket = socket
  }

  /** @throws LinkDownError */
  static async open({ runDir, databaseId, timeoutMs }: ControlOptions): Promise<ControlChannel> {
    const path = join(runDir, SOCKETS.control)
    const frameBytesMax = FRAME_BYTES_MAX
    return new ControlChannel(
      await FrameSocket.open({ path, databaseId, timeoutMs, frameBytesMax }),
    )
  }

  get welcome(): Welcome {
    return this.#socket.welcome
  }

  get clockOffset(): number {
    return this.#socket.clockOffset
  }

  listen(events: ControlEvents): void {
    this.#events = events
    this.#socket.listen({
      frame: (frame) => (frame.id === 0 ? this.#takeNotice(frame) : this.#take(frame)),
      closed: (cause) => {
        for (const question of this.#asked.values())
          question?.reject(new LinkDownError(cause.message, true, { cause }))
        this.#asked.clear()
        events.onClosed(cause)
      },
    })
  }

  /** @throws LateAnswerError, LinkDownError */
  async health(timeoutMs: number): Promise<WorkerHealth> {
    const health = WorkerHealth.safeParse(parseJson(await this.#ask(FrameType.health, timeoutMs)))
    if (!health.success) throw this.#breach('a report of health that cannot be read')
    return health.data
  }

  /** Number of the new lane. @throws WorkerFailure where there is no room. */
  async addReader(timeoutMs: number): Promise<number> {
    const info = LaneInfo.safeParse(parseJson(await this.#ask(FrameType.addReader, timeoutMs)))
    if (!info.success || info.data.lane === 0) throw this.#breach('a new lane without a number')
    return info.data.lane
  }

  /** Ends a request if it runs now. @returns whether it has begun; if not, it never will. @throws as `health` */
  async cancel(command: CancelCommand, timeoutMs: number): Promise<boolean> {
    const answer = await this.#ask(FrameType.cancel, timeoutMs, JSON.stringify(command))
    const cancelled = Cancelled.safeParse(parseJson(answer))
    if (!cancelled.success) throw this.#breach('an answer to a cancel that cannot be read')
    return cancelled.data.begun
  }

  async configure(command: ConfigureCommand): Promise<void> {
    await this.#ask(FrameType.configure, SETTINGS_MS, JSON.stringify(command))
  }

  async setPassword(command: PasswordCommand): Promise<void> {
    await this.#ask(FrameType.setPassword, SETTINGS_MS, JSON.stringify(command))
  }

  destroy(reason: Error): void {
    this.#socket.destroy(reason)
  }

  #breach(what: string): ProtocolError {
    const error = new ProtocolError(`the worker sent ${what}`)
    this.destroy(error)
    return error
  }

  #ask(type: FrameType, timeoutMs: number, payload = '{}'): Promise<Uint8Array> {
    if (this.#socket.closed) return Promise.reject(new LinkDownError('closed', false))
    const id = this.#nextId++
    return new Promise<Uint8Array>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#asked.set(id, null)
        reject(new LateAnswerError(`no answer within ${timeoutMs} ms`))
      }, timeoutMs)
      const settle = (outcome: () => void) => {
        clearTimeout(timer)
        outcome()
      }
      this.#asked.set(id, {
        resolve: (payload) => settle(() => resolve(payload)),
        reject: (error) => settle(() => reject(error)),
      })
      this.#socket.write(encodeFrame(type, id, payload))
    })
  }

  #take(frame: Frame): void {
    const question = this.#asked.get(frame.id)
    if (question === undefined) throw new ProtocolError(`an answer to ${frame.id}, never asked`)
    if (frame.type === FrameType.result) question?.resolve(frame.payload)
    else if (frame.type === FrameType.error) question?.reject(failureOf(frame.payload))
    else throw new ProtocolError(`the worker answered with a frame of type ${frame.type}`)
    this.#asked.delete(frame.id)
  }

  #takeNotice(frame: Frame): void {
    const notice = WorkerNotice.safeParse(parseJson(frame.payload)).data
    if (frame.type !== FrameType.notice || !notice)
      throw new ProtocolError('the worker sent a notice that cannot be read')
    const now = performance.now()
    if (now - this.#notices.since > 60_000) this.#notices = { count: 0, since: now }
    this.#notices.count += 1
    if (this.#notices.count > NOTICES_PER_MINUTE)
      throw new ProtocolError('the worker sends too many notices')
    this.#events?.onNotice(notice)
  }
}
