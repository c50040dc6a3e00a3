import { encodeFrame, encodeTimedFrame, type Frame, FrameType } from '@db-forge/contract/wire'
import type { FrameSocket } from './frame-socket.ts'
import { LinkDownError, ProtocolError } from './link-errors.ts'
import type { LinkRequest } from './link-request.ts'
import { StreamRequest } from './stream-request.ts'

/**
 * Ticks without a word, while it has work, after which a lane counts as stuck: at least 20 ms, since on a busy machine
 * a thread waits its turn for longer than 10.
 */
const STUCK_TICKS = 3
/** What a worker gets beyond a deadline, to say itself that it has passed. */
export const LATE_MS = 1000
/** Requests that were given up and which the worker has never answered. */
const UNANSWERED_MAX = 10_000
const REQUEST_ID_MAX = 0xffff_ffff

export interface LaneOwner {
  /** Rises every 10 ms while there is something to do. */
  readonly tick: number
  /** The lane has said something. */
  onAnswer(lane: Lane): void
  onRedirect(lane: Lane, request: LinkRequest): void
  onSettled(lane: Lane, request: LinkRequest, succeeded: boolean): void
  /** A large frame is under way. */
  onLarge(): void
  /** A `begin` that nobody waits for any more was carried out. */
  onOrphan(lane: Lane, frame: Frame): void
  onClosed(lane: Lane, cause: Error): void
}

/** One of the worker's threads that run SQL, as this side sees it: many requests in flight, run one after another. */
export class Lane {
  readonly number: number
  stuck = false
  readonly #socket: FrameSocket
  readonly #owner: LaneOwner
  readonly #clockOffset: number
  /** By number, in the order of sending; what was given up stays until the worker has answered it. */
  readonly #pending = new Map<number, LinkRequest>()
  #nextId = 1
  #lastWord = 0
  /** Those that were taken back, and are not answered yet. */
  readonly #takenBack = new Set<number>()

  constructor(number: number, socket: FrameSocket, clockOffset: number, owner: LaneOwner) {
    this.number = number
    this.#socket = socket
    this.#clockOffset = clockOffset
    this.#owner = owner
    socket.listen({
      frame: (frame) => this.#take(frame),
      closed: (cause) => owner.onClosed(this, cause),
      large: () => owner.onLarge(),
    })
  }

  get session(): number {
    return this.#socket.welcome.session
  }

  get closed(): boolean {
    return this.#socket.closed
  }

  /** Requests without their whole answer. */
  get load(): number {
    return this.#pending.size
  }

  get buffered(): number {
    return this.#socket.buffered
  }

  send(request: LinkRequest, payload: string): void {
    const id = this.#nextId
    this.#nextId = id === REQUEST_ID_MAX ? 1 : id + 1
    if (this.#pending.size === 0) this.#lastWord = this.#owner.tick
    request.lane = this
    request.id = id
    request.sent = true
    request.waitingSince = null
    this.#pending.set(id, request)
    const deadline = request.deadline + this.#clockOffset
    this.#socket.write(encodeTimedFrame(request.type, id, deadline, payload))
  }

  write(frame: Buffer): void {
    this.#socket.write(frame)
  }

  /** What waits is not begun, what streams ends. */
  cancel(id: number): void {
    this.#socket.write(encodeFrame(FrameType.cancel, id, ''))
  }

  /** What is really this lane's to answer. */
  *requests(): Iterable<LinkRequest> {
    for (const [id, request] of this.#pending) if (this.#owns(id, request)) yield request
  }

  /** Looks whether its thread has fallen silent over its work. `fresh`: this side was late itself, so begin anew. */
  watch(now: number, fresh: boolean): void {
    if (fresh || !this.#hasWork(now)) this.#lastWord = this.#owner.tick
    this.stuck = this.#owner.tick - this.#lastWord >= STUCK_TICKS
  }

  /**
   * Takes back what waits behind the request that keeps a stuck lane busy: it is cancelled here, unless the lane begins
   * it in this very moment, which does no harm to what only reads.
   */
  takeWaiting(): LinkRequest[] {
    const taken: LinkRequest[] = []
    let head = !this.#hasFlowingStream()
    for (const [id, request] of this.#pending) {
      if (request.begun) continue
      const keep = head || request.pinned !== null || request.cancelling
      head = false
      if (keep || !this.#owns(id, request)) continue
      this.cancel(id)
      request.lane = null
      this.#takenBack.add(id)
      taken.push(request)
    }
    return taken
  }

  /**
   * What was taken back and has not been answered. The lane may have taken it up together with what ran before, and
   * begin it all the same.
   */
  get takenBack(): ReadonlySet<number> {
    return this.#takenBack
  }

  destroy(reason: Error): void {
    this.#socket.destroy(reason)
  }

  #owns(id: number, request: LinkRequest): boolean {
    return request.lane === this && request.id === id && !request.settled
  }

  /** What was given up may still run, but not beyond its deadline. */
  #hasWork(now: number): boolean {
    for (const [id, request] of this.#pending) {
      if (!this.#owns(id, request)) {
        if (now <= request.deadline + LATE_MS) return true
      } else if (!request.begun || isFlowing(request)) return true
    }
    return false
  }

  #hasFlowingStream(): boolean {
    for (const request of this.requests()) if (isFlowing(request)) return true
    return false
  }

  #take(frame: Frame): void {
    const request = this.#pending.get(frame.id)
    if (!request) throw new ProtocolError(`the worker answers ${frame.id}, which was not asked`)
    this.#lastWord = this.#owner.tick
    this.stuck = false
    this.#owner.onAnswer(this)
    if (!this.#owns(frame.id, request)) this.#drop(frame, request)
    else if (frame.type === FrameType.redirect) {
      if (request.begun || request.sql === null) throw new ProtocolError('a redirect out of place')
      this.#owner.onRedirect(this, request)
      this.#pending.delete(frame.id)
    } else if (request.take(frame)) {
      this.#pending.delete(frame.id)
      this.#owner.onSettled(this, request, frame.type === FrameType.result)
    }
  }

  /** The answer to what was given up or runs elsewhere. */
  #drop(frame: Frame, request: LinkRequest): void {
    const more =
      request instanceof StreamRequest &&
      (frame.type === FrameType.meta ||
        frame.type === FrameType.rows ||
        frame.type === FrameType.notice)
    if (!more) {
      this.#pending.delete(frame.id)
      this.#takenBack.delete(frame.id)
    }
    if (request.type === FrameType.begin && frame.type === FrameType.result)
      this.#owner.onOrphan(this, frame)
  }

  /** A worker that leaves too much unanswered is cut off. */
  checkUnanswered(): void {
    if (this.#pending.size <= UNANSWERED_MAX) return
    let unanswered = 0
    for (const [id, request] of this.#pending) if (!this.#owns(id, request)) unanswered += 1
    if (unanswered > UNANSWERED_MAX)
      this.destroy(new ProtocolError('the worker leaves requests unanswered'))
  }

  /** Tells all that is in flight here that the lane is gone. */
  failAll(error: Error): void {
    for (const request of [...this.requests()])
      request.fail(new LinkDownError(error.message, true, { cause: error }))
    this.#pending.clear()
  }

  /** Everything in flight, to be sent elsewhere. */
  takeAll(): LinkRequest[] {
    const all = [...this.requests()]
    this.#pending.clear()
    return all
  }
}

const isFlowing = (request: LinkRequest) => request instanceof StreamRequest && request.flowing
