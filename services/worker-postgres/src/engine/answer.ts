import type { RowFormat } from '@db-forge/contract'
import { type Payload, WorkerFailure } from '@db-forge/worker-kit'
import { ByteText } from './byte-text.ts'
import { type Columns, learntColumnsText } from './columns.ts'
import { jsonRows, type RowWriter } from './row-writers.ts'
import type { Completion, RowSink } from './statement.ts'
import type { TypeNames } from './type-names.ts'

export const ANSWER_BYTES_MAX = 4 * 1024 * 1024
/** Answers up to here are one string, written straight into their frame. */
const SHORT_BYTES = 8 * 1024

export interface AnswerLimits {
  readonly rowsMax: number
  readonly bytesMax: number
  readonly rowFormat: RowFormat
}

/** The rows of one answer, as many as it may hold. */
export class AnswerRows implements RowSink {
  readonly #limits: AnswerLimits
  readonly #text: ByteText
  #write: RowWriter | null = null
  #count = 0
  #truncated = false
  #tooLarge = false

  constructor(limits: AnswerLimits, text: ByteText) {
    this.#limits = limits
    this.#text = text
  }

  get truncated(): boolean {
    return this.#truncated
  }

  columns(columns: Columns): void {
    this.#write = jsonRows(columns, this.#limits.rowFormat)
  }

  row(row: Buffer): void {
    if (this.#truncated || this.#tooLarge || !this.#write) return
    if (this.#count === this.#limits.rowsMax) {
      this.#truncated = true
      return
    }
    const before = this.#text.length
    if (this.#count > 0) this.#text.byte(0x2c)
    this.#write(row, this.#text)
    this.#count += 1
    if (this.#text.length <= this.#limits.bytesMax) return
    if (this.#text.length - before > ANSWER_BYTES_MAX) this.#tooLarge = true
    else this.#truncated = true
    this.#text.length = before
  }

  rowTooLarge(): void {
    if (!this.#truncated) this.#tooLarge = true
  }

  /** @throws WorkerFailure if a row alone was more than an answer may be. */
  refuseTooLarge(): void {
    if (this.#tooLarge)
      throw new WorkerFailure('result.too_large', `a row is larger than ${ANSWER_BYTES_MAX} bytes`)
  }
}

/** JSON text of a QueryResult, in three parts. */
export class Answer {
  readonly text = new ByteText()
  readonly rows: AnswerRows

  constructor(limits: AnswerLimits) {
    this.rows = new AnswerRows(limits, this.text)
  }

  async parts(completion: Completion, durationMs: number, names: TypeNames): Promise<Parts> {
    this.rows.refuseTooLarge()
    const { columns, rowsAffected } = completion
    const list = await learntColumnsText(columns, names)
    const tail = `],"rowsAffected":${rowsAffected},"durationMs":${durationMs},"truncated":${this.rows.truncated}}`
    return [`{"columns":${list},"rows":[`, this.text.bytes.subarray(0, this.text.length), tail]
  }
}

export type Parts = readonly [head: string, rows: Buffer, tail: string]

export function payloadOf(parts: readonly (string | Buffer)[]): Payload {
  const bytes = parts.reduce((sum, part) => sum + part.length, 0)
  if (bytes <= SHORT_BYTES)
    return parts.map((part) => (typeof part === 'string' ? part : part.toString())).join('')
  return {
    parts: parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)),
    release: () => undefined,
  }
}
