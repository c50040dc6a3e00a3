import type { Backend, Receiver, TransactionStatus } from '../wire/backend.ts'
import { type Binding, statement } from '../wire/requests.ts'
import { type ErrorFields, Message, readError, readText } from '../wire/responses.ts'
import { type Columns, columnsOf, NO_COLUMNS } from './columns.ts'

export interface RowSink {
  columns(columns: Columns): void
  /** The server's DataRow; valid only during the call. */
  row(row: Buffer): void
  /** A row that is larger than any answer may be was passed over. */
  rowTooLarge(): void
}

export interface Completion {
  readonly columns: Columns
  readonly rowsAffected: number
  /** The first word of what the server says it did, such as `CREATE`. */
  readonly command: string
  readonly status: TransactionStatus
}

/** A statement failed; `lost` with the connection. */
export class StatementError extends Error {
  readonly fields: ErrorFields | null
  readonly lost: boolean
  constructor(fields: ErrorFields | null, lost: boolean) {
    super(fields?.['M'] ?? 'the connection was lost')
    this.fields = fields
    this.lost = lost
  }
}

/** Sends one statement and hands its rows on as they come. @throws StatementError */
export function runStatement(
  backend: Backend,
  sql: string,
  bindings: readonly Binding[],
  rowsMax: number,
  sink: RowSink,
): Promise<Completion> {
  return new Promise((resolve, reject) => {
    backend.send(statement(sql, bindings, rowsMax), new StatementReceiver(sink, resolve, reject))
  })
}

class StatementReceiver implements Receiver {
  readonly #sink: RowSink
  readonly #resolve: (completion: Completion) => void
  readonly #reject: (error: StatementError) => void
  #columns: Columns = NO_COLUMNS
  #tag = ''
  #empty = false
  #error: ErrorFields | null = null

  constructor(
    sink: RowSink,
    resolve: (completion: Completion) => void,
    reject: (error: StatementError) => void,
  ) {
    this.#sink = sink
    this.#resolve = resolve
    this.#reject = reject
  }

  message(type: number, body: Buffer): void {
    switch (type) {
      case Message.dataRow:
        this.#sink.row(body)
        return
      case Message.rowDescription:
        this.#columns = columnsOf(body)
        this.#sink.columns(this.#columns)
        return
      case Message.commandComplete:
        this.#tag = readText(body)
        return
      case Message.emptyQuery:
        this.#empty = true
        return
      case Message.error:
        this.#error ??= readError(body)
    }
  }

  tooLarge(type: number): void {
    if (type === Message.dataRow) this.#sink.rowTooLarge()
  }

  ready(status: TransactionStatus): void {
    if (this.#empty) this.#error = { C: '42601', M: 'there is no statement' }
    if (this.#error) {
      this.#reject(new StatementError(this.#error, false))
      return
    }
    const [command = ''] = this.#tag.split(' ')
    const reads = command === 'FETCH' || (command === 'SELECT' && this.#columns.fields.length > 0)
    const count = reads ? 0 : Number(/ (\d+)$/.exec(this.#tag)?.[1] ?? 0)
    this.#resolve({ columns: this.#columns, rowsAffected: count, command, status })
  }

  lost(error: ErrorFields | null): void {
    this.#reject(new StatementError(this.#error ?? error, true))
  }
}
