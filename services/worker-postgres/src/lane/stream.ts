import type { StreamCommand, StreamEnd } from '@db-forge/contract/wire'
import { FrameType } from '@db-forge/contract/wire/frame'
import { type Connection, WorkerFailure } from '@db-forge/worker-kit'
import { nowMs } from '../clock.ts'
import { ANSWER_BYTES_MAX } from '../engine/answer.ts'
import { ByteText } from '../engine/byte-text.ts'
import { type Columns, learntColumnsText } from '../engine/columns.ts'
import { type Engine, elapsed } from '../engine/engine.ts'
import { rowsToAsk } from '../engine/first-word.ts'
import type { Interrupt } from '../engine/interrupt.ts'
import { csvHead, csvRows, jsonRows, type RowWriter } from '../engine/row-writers.ts'
import type { Session } from '../engine/sessions.ts'
import type { Completion, RowSink } from '../engine/statement.ts'
import { OWNER, READER } from '../server/roles.ts'

const CHUNK_BYTES = 64 * 1024
const COUNT_BYTES = 4

/**
 * An answer of any length. Rows go out as they come, in chunks, for as long as the gateway has given credit; without
 * any, nothing is read from the server, which then waits with the next row.
 */
export class Stream implements RowSink {
  readonly #engine: Engine
  readonly #command: StreamCommand
  readonly #connection: Connection
  readonly #id: number
  readonly #chunk = new ByteText()
  #credit: number
  #session: Session | null = null
  #write: RowWriter | null = null
  #meta: Promise<void> = Promise.resolve()
  #metaSent = false
  /** Where each row of the chunk ends. */
  readonly #rowEnds: number[] = []
  #rows = 0
  #truncated = false
  #failure: WorkerFailure | null = null
  #onSent: (() => void) | null = null

  constructor(engine: Engine, command: StreamCommand, connection: Connection, id: number) {
    this.#engine = engine
    this.#command = command
    this.#connection = connection
    this.#id = id
    this.#credit = command.credit
  }

  /** @returns JSON text of the StreamEnd. */
  async run(interrupt: Interrupt): Promise<string> {
    const { sql, readOnly, maxRows } = this.#command
    const word = this.#engine.check(sql, false)
    const startedAt = nowMs()
    const role = readOnly ? READER : OWNER
    const completion = await this.#engine.borrow(role, interrupt, (session) => {
      this.#engine.restrain(session, [word])
      return this.#read(session, maxRows === null ? 0 : rowsToAsk(sql, maxRows), interrupt)
    })
    if (!this.#write) this.columns(completion.columns)
    await this.#sendRest(interrupt)
    const end: StreamEnd = {
      rowsAffected: completion.rowsAffected,
      durationMs: elapsed(startedAt),
      truncated: this.#truncated,
    }
    return JSON.stringify(end)
  }

  credit(bytes: number): void {
    this.#credit += bytes
    this.#send()
  }

  columns(columns: Columns): void {
    const { format, rowFormat } = this.#command
    this.#write = format === 'csv' ? csvRows(columns) : jsonRows(columns, rowFormat)
    this.#meta = Promise.resolve(learntColumnsText(columns, this.#engine.names)).then((text) => {
      this.#connection.send(FrameType.meta, this.#id, text)
      this.#metaSent = true
      this.#send()
    })
    this.#meta.catch(() => undefined)
    if (format === 'csv') {
      this.#open()
      csvHead(columns, this.#chunk)
    }
  }

  row(row: Buffer): void {
    if (this.#truncated || this.#failure) return
    if (this.#rows === this.#command.maxRows) {
      this.#truncated = true
      return
    }
    if (this.#chunk.length === 0) this.#open()
    else if (this.#rowEnds.length > 0 && this.#command.format === 'ndjson') this.#chunk.byte(0x2c)
    this.#write?.(row, this.#chunk)
    this.#rowEnds.push(this.#chunk.length)
    this.#rows += 1
    if (this.#isFull) this.#send()
  }

  rowTooLarge(): void {
    this.#failure = new WorkerFailure(
      'result.too_large',
      `a row is larger than ${ANSWER_BYTES_MAX} bytes`,
    )
    this.#session?.backend.destroy()
  }

  async #read(session: Session, rowsMax: number, interrupt: Interrupt): Promise<Completion> {
    this.#session = session
    // A server that waits for its reader hears no cancel, but it notices that the reader is gone.
    interrupt.onTrip = () => session.backend.destroy()
    try {
      return await this.#engine.run(session, this.#command, rowsMax, this, interrupt)
    } catch (error) {
      throw this.#failure ?? error
    } finally {
      interrupt.onTrip = null
      this.#session = null
    }
  }

  #open(): void {
    this.#chunk.utf8('\0'.repeat(COUNT_BYTES))
    if (this.#command.format === 'ndjson') this.#chunk.ascii('{"rows":[')
  }

  /** Sends what may be sent, and lets the server go on or not. */
  #send(): void {
    while (this.#maySend()) this.#flush()
    this.#session?.backend.hold(this.#chunk.length >= CHUNK_BYTES)
    if (this.#chunk.length === 0) this.#onSent?.()
  }

  get #isFull(): boolean {
    return (
      this.#chunk.length >= (this.#credit > 0 ? Math.min(CHUNK_BYTES, this.#credit) : CHUNK_BYTES)
    )
  }

  #maySend(): boolean {
    if (!this.#metaSent || this.#credit <= 0 || this.#chunk.length === 0) return false
    return this.#session === null || this.#isFull
  }

  /** Sends as many rows of the chunk as there is credit for, and at least one. */
  #flush(): void {
    const rows = this.#rowsWithinCredit()
    const rest = this.#cutAfter(rows)
    if (this.#command.format === 'ndjson') this.#chunk.ascii(']}\n')
    const bytes = this.#chunk.take()
    bytes.writeUInt32BE(rows)
    this.#credit -= bytes.length - COUNT_BYTES
    this.#connection.send(FrameType.rows, this.#id, { parts: [bytes], release: () => undefined })
    const ends = this.#rowEnds.splice(0).slice(rows)
    if (ends.length > 0) this.#reopen(rest, ends)
  }

  #rowsWithinCredit(): number {
    const last = this.#rowEnds.length
    const within = COUNT_BYTES + this.#credit
    if ((this.#rowEnds[last - 1] ?? 0) <= within) return last
    const beyond = this.#rowEnds.findIndex((end) => end > within)
    return Math.max(beyond, 1)
  }

  /** @returns what follows so many rows, which the chunk is then without. */
  #cutAfter(rows: number): Buffer {
    const { bytes, length } = this.#chunk
    const end = rows < this.#rowEnds.length ? (this.#rowEnds[rows - 1] ?? length) : length
    const rest = Buffer.from(bytes.subarray(end, length))
    this.#chunk.length = end
    return rest
  }

  /** Begins the next chunk with rows that there was no credit for, by where they ended in the last. */
  #reopen(rest: Buffer, ends: readonly number[]): void {
    const oldEnd = ends.at(-1) ?? 0
    this.#open()
    // Without the comma after the last row that was sent.
    this.#chunk.copy(rest, this.#command.format === 'ndjson' ? 1 : 0, rest.length)
    const moved = this.#chunk.length - oldEnd
    this.#rowEnds.push(...ends.map((end) => end + moved))
  }

  async #sendRest(interrupt: Interrupt): Promise<void> {
    await this.#meta
    const sent = new Promise<void>((resolve, reject) => {
      this.#onSent = resolve
      interrupt.onTrip = () => reject(interrupt.failure())
    })
    this.#send()
    await sent
  }
}
