import type { StreamCommand } from '@db-forge/contract/wire'
import { type EngineStream, type StreamChunk, WrongLane } from './engine.ts'
import { ANSWER_BYTES_MAX, type Connection } from './sqlite-connection.ts'
import { toFailure } from './sqlite-errors.ts'
import type { GuardedStatement } from './sqlite-guard.ts'

const BUFFER_BYTES = 64 * 1024
const KEPT_BYTES = 512 * 1024
/** While rows are large, as large a row as there may be. */
const KEPT_BYTES_MAX = ANSWER_BYTES_MAX + KEPT_BYTES

/** Memory of parts on their way out, used again and again: left to the garbage collector it would grow first. */
export class ChunkBuffers {
  readonly #free: Buffer[] = []
  #freeBytes = 0

  /** Filled by `fill`. */
  chunk(rows: number, bytes: number, fill: (out: Uint8Array) => void): StreamChunk {
    const buffer = this.#take(bytes)
    const content = buffer.subarray(0, bytes)
    fill(content)
    let released = false
    const release = () => {
      if (!released) this.#give(buffer)
      released = true
    }
    return { rows, bytes: content, release }
  }

  /** Keeps no more than streams usually need. */
  trim(): void {
    while (this.#freeBytes > KEPT_BYTES) this.#freeBytes -= this.#free.pop()?.length ?? 0
  }

  #take(bytes: number): Buffer {
    const at = this.#free.findIndex(({ length }) => length >= bytes)
    const [free] = at < 0 ? [] : this.#free.splice(at, 1)
    this.#freeBytes -= free?.length ?? 0
    return free ?? Buffer.allocUnsafeSlow(Math.ceil(bytes / BUFFER_BYTES) * BUFFER_BYTES)
  }

  #give(buffer: Buffer): void {
    if (this.#freeBytes + buffer.length > KEPT_BYTES_MAX) return
    this.#free.push(buffer)
    this.#freeBytes += buffer.length
  }
}

/** A statement's rows, part by part. */
abstract class RowStream implements EngineStream {
  meta = ''
  tail = ''
  protected readonly on: Connection
  protected readonly command: StreamCommand
  readonly #buffers: ChunkBuffers
  #statement: GuardedStatement | undefined

  constructor(on: Connection, command: StreamCommand, buffers: ChunkBuffers) {
    this.on = on
    this.command = command
    this.#buffers = buffers
  }

  get connection(): number {
    return this.on.connection
  }

  begin(request: number): void {
    this.on.begin(request)
  }

  end(): void {
    this.on.end()
  }

  abstract next(bytesMax: number): StreamChunk | null

  close(): void {
    this.#statement?.stop()
    this.#statement?.finalize()
    this.#statement = undefined
    this.#buffers.trim()
  }

  /** @throws WorkerFailure, WrongLane */
  protected part(bytesMax: number, open: () => GuardedStatement): StreamChunk | null {
    if (this.tail) return null
    try {
      if (!this.#statement) {
        this.#statement = open()
        this.meta = this.#text(this.#statement, this.#statement.part(bytesMax).bytes)
      }
      return this.#rows(this.#statement, bytesMax)
    } catch (error) {
      throw toFailure(this.on.noted(error), this.command.sql)
    }
  }

  #rows(statement: GuardedStatement, bytesMax: number): StreamChunk | null {
    const { rows, bytes, last } = statement.part(bytesMax)
    if (!last) return this.#buffers.chunk(rows, bytes, (out) => statement.take(out))
    this.tail = this.#text(statement, bytes)
    return null
  }

  #text(statement: GuardedStatement, bytes: number): string {
    const buffer = Buffer.allocUnsafe(bytes)
    statement.take(buffer)
    return buffer.toString()
  }
}

/** On a connection of its own; what it reads is one snapshot, from its first row to its last. */
export class ReadStream extends RowStream {
  readonly #giveBack: () => void
  #closed = false

  constructor(on: Connection, command: StreamCommand, buffers: ChunkBuffers, giveBack: () => void) {
    super(on, command, buffers)
    this.#giveBack = giveBack
  }

  next(bytesMax: number): StreamChunk | null {
    return this.part(bytesMax, () => this.on.open(this.command, Number.MAX_SAFE_INTEGER))
  }

  override close(): void {
    if (this.#closed) return
    this.#closed = true
    super.close()
    this.#giveBack()
  }
}

/** Runs to its end, and is durable, before anything is told. */
export class WriteStream extends RowStream {
  readonly #expectIdle: () => void
  #chunks: StreamChunk[] | undefined

  /** @param expectIdle throws where the connection may not be used just then. */
  constructor(
    on: Connection,
    command: StreamCommand,
    buffers: ChunkBuffers,
    expectIdle: () => void,
  ) {
    super(on, command, buffers)
    this.#expectIdle = expectIdle
  }

  next(bytesMax: number): StreamChunk | null {
    this.#chunks ??= this.#runToEnd(bytesMax)
    return this.#chunks.shift() ?? null
  }

  override close(): void {
    super.close()
    for (const { release } of this.#chunks?.splice(0) ?? []) release()
  }

  #runToEnd(bytesMax: number): StreamChunk[] {
    this.#expectIdle()
    const chunks: StreamChunk[] = []
    const open = () => this.on.open(this.command, ANSWER_BYTES_MAX, writes)
    try {
      for (;;) {
        const chunk = this.part(bytesMax, open)
        if (!chunk) return chunks
        chunks.push(chunk)
      }
    } catch (error) {
      for (const { release } of chunks) release()
      throw error
    } finally {
      super.close()
      this.on.settle()
    }
  }
}

function writes(statement: GuardedStatement): void {
  if (statement.readOnly) throw new WrongLane()
}
