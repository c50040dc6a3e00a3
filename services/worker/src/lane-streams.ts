import type { StreamCommand } from '@db-forge/contract/wire'
import { FrameType } from '@db-forge/contract/wire/frame'
import { type Connection, WorkerFailure } from '@db-forge/worker-kit'
import { type Engine, type EngineStream, WrongLane } from './engine/engine.ts'
import { cancelled, type Runner, timedOut } from './runner.ts'
import type { Waiting } from './waiting.ts'

const STREAMS_MAX = 4
const CHUNK_BYTES = 64 * 1024
const TIMER_MS_MAX = 0x7fffffff

interface OpenStream {
  readonly waiting: Waiting
  readonly stream: EngineStream
  readonly startedMs: number
  readonly timer: NodeJS.Timeout
  /** Bytes of rows that may still be sent. */
  credit: number
  /** The columns have been sent. */
  begun: boolean
}

/** The streams of a lane: each gives a part at a time, in turn, as far as its peer has given credit. */
export class LaneStreams {
  readonly #engine: Engine
  readonly #runner: Runner
  #open: OpenStream[] = []

  constructor(engine: Engine, runner: Runner) {
    this.#engine = engine
    this.#runner = runner
  }

  get count(): number {
    return this.#open.length
  }

  /** Whether a part can be sent. */
  get runnable(): boolean {
    return this.#open.some(isRunnable)
  }

  open(waiting: Waiting, command: StreamCommand): void {
    if (this.#open.length >= STREAMS_MAX)
      throw new WorkerFailure('database.busy', 'as many streams are open as may be')
    const { deadlineMs } = waiting
    const startedMs = this.#runner.state.nowMs()
    const stream = this.#runner.run(this.#engine, waiting, deadlineMs, () =>
      this.#engine.openStream(command),
    )
    const late = () => this.#fail(opened, timedOut())
    const timer = setTimeout(late, Math.min(Math.max(deadlineMs - startedMs, 0), TIMER_MS_MAX))
    const opened = { waiting, stream, startedMs, timer, credit: command.credit, begun: false }
    this.#open.push(opened)
  }

  credit(from: Connection, id: number, bytes: number): void {
    const found = this.#of(from, id)
    if (found) found.credit += bytes
  }

  cancel(from: Connection, id: number): void {
    const found = this.#of(from, id)
    if (found) this.#fail(found, cancelled())
  }

  /** Sends a part of one of them. */
  turn(): void {
    const next = this.#open.find(isRunnable)
    if (!next) return
    this.#open = [...this.#open.filter((stream) => stream !== next), next]
    try {
      this.#step(next)
    } catch (error) {
      if (error instanceof WrongLane) this.#end(next, FrameType.redirect, '')
      else this.#fail(next, error)
    }
  }

  /** JSON text of a WorkerNotice. */
  notice(text: string): void {
    for (const { waiting, begun } of this.#open)
      if (begun) waiting.from.send(FrameType.notice, waiting.id, text)
  }

  closed(from: Connection): void {
    for (const stream of this.#open) if (stream.waiting.from === from) this.#close(stream)
  }

  closeAll(): void {
    for (const stream of this.#open) this.#close(stream)
  }

  #of(from: Connection, id: number): OpenStream | undefined {
    return this.#open.find(({ waiting }) => waiting.from === from && waiting.id === id)
  }

  #step(open: OpenStream): void {
    const { stream, waiting, startedMs } = open
    const chunk = this.#runner.run(
      stream,
      waiting,
      waiting.deadlineMs,
      () => stream.next(Math.min(CHUNK_BYTES, open.credit)),
      startedMs,
    )
    if (!open.begun) waiting.from.send(FrameType.meta, waiting.id, stream.meta)
    open.begun = true
    if (!chunk) {
      this.#end(open, FrameType.result, stream.tail)
      return
    }
    const { rows, bytes, release } = chunk
    const head = Buffer.alloc(4)
    head.writeUInt32BE(rows)
    open.credit -= bytes.length
    const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    waiting.from.send(FrameType.rows, waiting.id, { parts: [head, body], release })
  }

  #fail(open: OpenStream, error: unknown): void {
    open.waiting.from.fail(open.waiting.id, error)
    this.#close(open)
  }

  #end(open: OpenStream, type: FrameType, payload: string): void {
    open.waiting.from.send(type, open.waiting.id, payload)
    this.#close(open)
  }

  #close(open: OpenStream): void {
    clearTimeout(open.timer)
    this.#open = this.#open.filter((other) => other !== open)
    open.stream.close()
  }
}

const isRunnable = ({ credit, waiting }: OpenStream) => credit > 0 && !waiting.from.choked
