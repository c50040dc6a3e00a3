import { join } from 'node:path'
import type { DatabaseId } from '@db-forge/contract'
import {
  Begun,
  FRAME_BYTES_MAX,
  type Frame,
  FrameType,
  laneSocket,
  type Welcome,
  type WorkerHealth,
  type WorkerNotice,
} from '@db-forge/contract/wire'
import { Cancellations } from './cancellations.ts'
import { CircuitBreaker } from './circuit-breaker.ts'
import { ControlChannel, type WorkerSettings } from './control-channel.ts'
import { FrameSocket } from './frame-socket.ts'
import { LATE_MS, Lane, type LaneOwner } from './lane.ts'
import {
  CancelledError,
  CircuitOpenError,
  LanesBusyError,
  LateAnswerError,
  LinkDownError,
  ProtocolError,
  parseJson,
} from './link-errors.ts'
import { type LinkRequest, SingleRequest } from './link-request.ts'
import { OnceAtATime } from './once-at-a-time.ts'
import { StatementRoutes } from './statement-routes.ts'

export const TICK_MS = 10
const CANCEL_TICKS = 2
const DEADLINE_TICKS = 10
const WAIT_MS_MAX = 5000
const LANES_MAX = 32
const REDIRECTS_MAX = 3
const ADD_READER_PAUSE_MS = 250
const CONTROL_MS = 5000
const DEPARTED_MS = 20
/** Of frames that are still coming, over all lanes of a worker. */
const BUFFERED_BYTES_MAX = 2 * FRAME_BYTES_MAX

export interface WorkerLinkOptions {
  readonly runDir: string
  readonly databaseId: DatabaseId
  readonly connectTimeoutMs: number
  /** Sees that `onTick` is called as long as it returns true. */
  readonly keepTicking: (link: WorkerLink) => void
  /** Lost, and not by `close`. */
  readonly onDown: (link: WorkerLink, cause: Error) => void
  readonly onNotice: (notice: WorkerNotice) => void
  /** The worker does not even answer on its control socket. */
  readonly onSilent: () => void
}

/**
 * The gateway's side of one worker: a connection to its control thread and one to each of its lanes. Sends each request
 * to a lane that can run it, and again to another where the engine says so or a lane is stuck.
 */
export class WorkerLink implements LaneOwner {
  tick = 0
  readonly #o: WorkerLinkOptions
  readonly #control: ControlChannel
  readonly settings: WorkerSettings
  readonly #breaker: CircuitBreaker
  readonly #routes = new StatementRoutes()
  #writer: Lane | undefined
  readonly #readers: Lane[] = []
  readonly #opening = new Set<number>()
  /** Readers whose sockets have closed just now. */
  readonly #departed = new Set<Lane>()
  /** For which there is no lane at this moment. */
  #waiting: LinkRequest[] = []
  readonly #cancellations: Cancellations
  /** A transaction that writes is open until then at most. */
  #heldUntil = 0
  readonly #oneMoreReader = new OnceAtATime(() => this.#addReader(), ADD_READER_PAUSE_MS)
  readonly #ended = new AbortController()

  private constructor(control: ControlChannel, options: WorkerLinkOptions) {
    this.#o = options
    this.#control = control
    this.settings = control
    this.#cancellations = new Cancellations(control)
    this.#breaker = new CircuitBreaker({
      probe: (timeoutMs) => control.health(timeoutMs),
      onSilent: options.onSilent,
    })
    control.listen({ onNotice: options.onNotice, onClosed: (cause) => this.#down(cause) })
  }

  /**
   * Resolves once the lanes are open. A lane whose thread is at work may take longer: what needs it waits.
   * @throws LinkDownError
   */
  static async open(options: WorkerLinkOptions): Promise<WorkerLink> {
    const { runDir, databaseId, connectTimeoutMs: timeoutMs } = options
    const control = await ControlChannel.open({ runDir, databaseId, timeoutMs })
    const link = new WorkerLink(control, options)
    const lanes = new Set(control.welcome.lanes ?? [])
    if (!lanes.has(0) || lanes.size > LANES_MAX) link.#down(new ProtocolError('no such lanes'))
    const opened = [...lanes].map((lane) => link.#openLane(lane))
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, timeoutMs)
    })
    await Promise.race([Promise.all(opened), late])
    clearTimeout(timer)
    if (link.closed) throw new LinkDownError('the worker hung up', false)
    return link
  }

  get welcome(): Welcome {
    return this.#control.welcome
  }

  get closed(): boolean {
    return this.#ended.signal.aborted
  }

  get circuitOpen(): boolean {
    return this.#breaker.isOpen
  }

  health(timeoutMs: number): Promise<WorkerHealth> {
    return this.#control.health(timeoutMs)
  }

  /** The request is settled with its answer, or an error of link-errors.ts. */
  send(request: LinkRequest): void {
    if (this.closed) request.fail(new LinkDownError('the worker hung up', false))
    else if (this.#breaker.isOpen) request.fail(new CircuitOpenError())
    if (request.settled) return
    if (request.sql !== null) {
      const route = this.#routes.find(request.sql)
      request.side = route.side
      request.guessed = !route.known
    }
    this.#o.keepTicking(this)
    this.#dispatch(request)
  }

  /** Ends it as soon as can be. Its own answer says how it ended: it may have been faster. */
  cancel(request: LinkRequest): void {
    if (request.settled || request.cancelling) return
    request.cancelling = true
    if (!request.lane) {
      this.#waiting = this.#waiting.filter((other) => other !== request)
      request.fail(new CancelledError())
      return
    }
    this.#cancellations.begin(request)
  }

  /** Lets go of the worker without a word to `onDown`. */
  close(reason: string): void {
    this.#end(new Error(reason))
  }

  /** `late`: this process was held up itself, so silence says nothing. False when there is nothing to do. */
  onTick(late: boolean): boolean {
    if (this.closed) return false
    this.tick += 1
    let busy = this.#waiting.length > 0 || this.#cancellations.count > 0
    const now = performance.now()
    for (const lane of this.#lanes()) {
      lane.watch(now, late)
      busy ||= lane.load > 0
    }
    this.#relieve()
    if (this.#waiting.length > 0) this.#flush()
    if (this.#waiting.some(({ side }) => side === 'reader')) this.#oneMoreReader.want()
    if (this.tick % CANCEL_TICKS === 0) this.#cancellations.repeat(this.#readers)
    if (this.tick % DEADLINE_TICKS === 0) this.#checkDeadlines(now)
    return busy
  }

  onAnswer(): void {
    this.#breaker.answered()
    if (this.#waiting.length > 0) this.#flush()
  }

  onRedirect(lane: Lane, request: LinkRequest): void {
    if (request.cancelling) {
      request.fail(new CancelledError())
      return
    }
    const fromWriter = lane === this.#writer
    request.redirects += 1
    if ((fromWriter && !request.guessed) || request.redirects > REDIRECTS_MAX)
      throw new ProtocolError('no lane takes the statement')
    request.side = fromWriter ? 'reader' : 'writer'
    request.guessed = false
    request.lane = null
    if (request.sql !== null) this.#routes.learn(request.sql, request.side)
    this.#dispatch(request)
  }

  onSettled(lane: Lane, request: LinkRequest, succeeded: boolean): void {
    if (lane === this.#writer) this.#noteTransaction(request, succeeded)
    if (request.guessed && succeeded && request.sql !== null)
      this.#routes.learn(request.sql, request.side)
    if (request.cancelling) this.#cancellations.end(request)
  }

  #noteTransaction({ type, deadline }: LinkRequest, succeeded: boolean): void {
    if (type === FrameType.begin && succeeded) this.#heldUntil = deadline
    else if (type === FrameType.commit || type === FrameType.rollback) this.#heldUntil = 0
  }

  onOrphan(lane: Lane, frame: Frame): void {
    const begun = Begun.safeParse(parseJson(frame.payload)).data
    if (begun) this.rollBack(lane, begun.transaction)
  }

  /** Ends a transaction that nobody knows of: who asked for it has gone away meanwhile. */
  rollBack(lane: Lane, transaction: number): void {
    const rollback = new SingleRequest({
      type: FrameType.rollback,
      payload: JSON.stringify({ transaction }),
      deadline: performance.now() + CONTROL_MS,
      place: { lane },
    })
    rollback.answer.catch(() => {})
    this.send(rollback)
  }

  onLarge(): void {
    let bytes = 0
    for (const lane of this.#lanes()) bytes += lane.buffered
    if (bytes > BUFFERED_BYTES_MAX) this.#down(new ProtocolError('the worker sends too much'))
  }

  onClosed(lane: Lane, cause: Error): void {
    if (this.closed) return
    if (lane === this.#writer || cause instanceof ProtocolError) {
      this.#down(cause)
      return
    }
    this.#readers.splice(this.#readers.indexOf(lane), 1)
    this.#departed.add(lane)
    // When the worker has died its other sockets close in a moment, and then nothing is to be sent to them.
    setTimeout(() => this.#reassign(lane, cause), DEPARTED_MS)
  }

  #reassign(lane: Lane, cause: Error): void {
    if (!this.#departed.delete(lane)) return
    for (const request of lane.takeAll()) {
      if (request.begun || request.pinned)
        request.fail(new LinkDownError(cause.message, true, { cause }))
      else if (request.cancelling) request.fail(new CancelledError())
      else {
        request.lane = null
        this.#dispatch(request)
      }
    }
  }

  async #openLane(number: number): Promise<void> {
    const { runDir, databaseId } = this.#o
    this.#opening.add(number)
    try {
      const socket = await FrameSocket.open({
        path: join(runDir, laneSocket(number)),
        databaseId,
        timeoutMs: null,
        frameBytesMax: FRAME_BYTES_MAX,
        signal: this.#ended.signal,
      })
      this.#admit(number, socket)
    } catch (error) {
      const { cause } = error as Error
      if (number === 0 || cause instanceof ProtocolError) this.#down(error as Error)
    } finally {
      this.#opening.delete(number)
    }
  }

  #admit(number: number, socket: FrameSocket): void {
    const { workerId, lane } = socket.welcome
    if (workerId !== this.welcome.workerId || lane !== number)
      this.#down(new ProtocolError(`lane ${lane} of another worker`))
    if (this.closed) {
      socket.destroy(new Error('the link is closed'))
      return
    }
    const opened = new Lane(number, socket, this.#control.clockOffset, this)
    if (number === 0) this.#writer = opened
    else this.#readers.push(opened)
    this.#flush()
  }

  *#lanes(): Iterable<Lane> {
    if (this.#writer) yield this.#writer
    yield* this.#readers
  }

  #dispatch(request: LinkRequest): void {
    const lane = this.#laneFor(request)
    if (lane?.closed) request.fail(new LinkDownError('the lane is closed', request.sent))
    else if (lane) this.#sendTo(lane, request)
    else this.#wait(request)
  }

  #laneFor(request: LinkRequest): Lane | undefined {
    if (request.pinned) return request.pinned
    if (request.side === 'writer') return this.#freeWriter()
    // A worker without readers is not foreseen; its writer can read.
    if (this.#readers.length === 0 && this.#opening.size === 0) return this.#writer
    return this.#freeReader()
  }

  /**
   * What waits for a long write waits here, where it can be cancelled; but while a transaction is open, the lane is
   * silent and yet knows best who may go on.
   */
  #freeWriter(): Lane | undefined {
    const { stuck = false } = this.#writer ?? {}
    return stuck && performance.now() > this.#heldUntil ? undefined : this.#writer
  }

  /** The first that answers: reads that come together share a snapshot, and idle threads cost a busy machine more than they give. */
  #freeReader(): Lane | undefined {
    return this.#readers.find(({ stuck, closed }) => !stuck && !closed)
  }

  #sendTo(lane: Lane, request: LinkRequest): void {
    const asks = request.guessed && request.side === 'writer'
    lane.send(request, asks ? `{"guess":true,${request.payload.slice(1)}` : request.payload)
  }

  #wait(request: LinkRequest): void {
    request.waitingSince ??= performance.now()
    this.#waiting.push(request)
    if (request.side === 'reader') this.#oneMoreReader.want()
  }

  #flush(): void {
    if (!this.#freeWriter() && !this.#freeReader()) return
    const waiting = this.#waiting
    this.#waiting = []
    for (const request of waiting) this.#dispatch(request)
  }

  /** Takes what waits in stuck readers elsewhere; it only reads. */
  #relieve(): void {
    for (const lane of this.#readers)
      if (lane.stuck && lane.load > 1)
        for (const request of lane.takeWaiting()) this.#dispatch(request)
  }

  async #addReader(): Promise<void> {
    if (this.#opening.size > 0 || this.#readers.length >= LANES_MAX) return
    try {
      const lane = await this.#control.addReader(CONTROL_MS)
      if (this.#readers.some(({ number }) => number === lane))
        this.#down(new ProtocolError(`lane ${lane} is there already`))
      else await this.#openLane(lane)
    } catch {
      // There is no room; what waits goes to the first reader that is free.
    }
  }

  #checkDeadlines(now: number): void {
    for (const lane of this.#lanes()) {
      lane.checkUnanswered()
      for (const request of lane.requests())
        if (now > request.deadline + LATE_MS) {
          request.fail(new LateAnswerError('no answer by the deadline'))
          this.#breaker.strike()
        }
    }
    this.#waiting = this.#waiting.filter((request) => {
      if (now <= waitsUntil(request)) return true
      this.#breaker.strike()
      request.fail(
        request.side === 'reader'
          ? new LanesBusyError('all readers are busy')
          : new LateAnswerError('the writer was busy until its deadline'),
      )
      return false
    })
  }

  #down(cause: Error): void {
    if (this.closed) return
    this.#end(cause)
    this.#o.onDown(this, cause)
  }

  #end(cause: Error): void {
    if (this.closed) return
    this.#ended.abort()
    this.#breaker.end()
    this.#control.destroy(cause)
    for (const lane of [...this.#lanes(), ...this.#departed]) {
      lane.destroy(cause)
      lane.failAll(cause)
    }
    this.#departed.clear()
    for (const request of this.#waiting)
      request.fail(new LinkDownError(cause.message, request.sent, { cause }))
    this.#waiting = []
  }
}

/** A write waits its turn; a read finds all readers at work on something long. */
const waitsUntil = ({ side, deadline, waitingSince }: LinkRequest) =>
  side === 'writer' ? deadline : Math.min(deadline, (waitingSince ?? Infinity) + WAIT_MS_MAX)
