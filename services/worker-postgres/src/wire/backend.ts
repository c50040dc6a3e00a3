/**
 * A connection to the server. What is asked is written at once and answered in order, so that several requests, such as
 * a statement and what cleans up behind it, cost one round trip. PostgreSQL's own protocol is spoken here and not
 * through a driver, so that rows become the answer's text without being JavaScript values, no message is held that is
 * larger than an answer may be, and a reader that stalls stalls the server.
 */
import { connect, type Socket } from 'node:net'
import { simple, startup, terminate } from './requests.ts'
import { ResponseReader } from './response-reader.ts'
import { type ErrorFields, Message, readError, readRow, readText } from './responses.ts'

/** What follows one request, up to the server's being ready for the next. */
export interface Receiver {
  message(type: number, body: Buffer): void
  /** A message of this type was passed over. */
  tooLarge(type: number): void
  ready(status: TransactionStatus): void
  /** The connection ended before the answer did; the server may have said why. */
  lost(error: ErrorFields | null): void
}

/** Idle, in a transaction, in one that has failed. */
export type TransactionStatus = 'I' | 'T' | 'E'

export interface BackendOptions {
  readonly path: string
  readonly user: string
  readonly database: string
  readonly settings: Readonly<Record<string, string>>
  readonly messageBytesMax: number
}

export class ServerError extends Error {
  readonly fields: ErrorFields
  constructor(fields: ErrorFields) {
    super(fields['M'] ?? 'the server failed')
    this.name = 'ServerError'
    this.fields = fields
  }
}

export class ConnectionLost extends Error {}

export class Backend {
  /** The server's process that serves this connection. */
  pid = 0
  status: TransactionStatus = 'I'
  readonly #socket: Socket
  readonly #receivers: Receiver[] = []
  #corked = false
  #fatal: ErrorFields | null = null
  #onClose: (() => void) | null = null

  private constructor(options: BackendOptions) {
    const reader = new ResponseReader(options.messageBytesMax, {
      message: (type, body) => this.#receive(type, body),
      tooLarge: (type) => this.#receivers[0]?.tooLarge(type),
    })
    this.#socket = connect(options.path)
    this.#socket.on('data', (chunk: Buffer) => reader.push(chunk))
    this.#socket.on('error', () => this.#socket.destroy())
    this.#socket.on('close', () => this.#closed())
    const { user, database, settings } = options
    this.#socket.write(startup({ user, database, client_encoding: 'UTF8', ...settings }))
  }

  /** @throws ServerError or ConnectionLost */
  static async open(options: BackendOptions): Promise<Backend> {
    const backend = new Backend(options)
    await backend.#answer(() => undefined)
    return backend
  }

  get closed(): boolean {
    return this.#socket.destroyed
  }

  set onClose(listener: () => void) {
    this.#onClose = listener
  }

  /** The receiver gets what answers these bytes, which must make the server ready once. */
  send(bytes: Buffer, receiver: Receiver): void {
    if (this.closed) {
      receiver.lost(this.#fatal)
      return
    }
    this.#receivers.push(receiver)
    this.#cork()
    this.#socket.write(bytes)
  }

  /** What is sent in one turn leaves at once. */
  #cork(): void {
    if (this.#corked) return
    this.#corked = true
    this.#socket.cork()
    process.nextTick(() => {
      this.#corked = false
      this.#socket.uncork()
    })
  }

  /** Runs a command of the platform's own by the simple protocol. */
  async command(sql: string): Promise<(string | null)[][]> {
    const rows: (string | null)[][] = []
    await this.#answer((receiver) => this.send(simple(sql), receiver), rows)
    return rows
  }

  /** While it is held, nothing is read from the server, which waits. */
  hold(yes: boolean): void {
    if (yes) this.#socket.pause()
    else this.#socket.resume()
  }

  end(): void {
    if (this.closed) return
    this.#socket.resume()
    this.#socket.end(terminate())
  }

  destroy(): void {
    this.#socket.destroy()
  }

  #answer(send: (receiver: Receiver) => void, rows: (string | null)[][] = []): Promise<void> {
    return new Promise((resolve, reject) => {
      let failure: ErrorFields | null = null
      const receiver: Receiver = {
        message: (type, body) => {
          if (type === Message.error) failure ??= readError(body)
          else if (type === Message.dataRow) rows.push(readRow(body))
        },
        tooLarge: () => undefined,
        ready: () => (failure ? reject(new ServerError(failure)) : resolve()),
        lost: (error) =>
          reject(
            (failure ?? error)
              ? new ServerError(failure ?? error ?? {})
              : new ConnectionLost('the server closed the connection'),
          ),
      }
      // Before the first answer there is nothing to send: the startup message has been written.
      if (this.pid === 0) this.#receivers.push(receiver)
      else send(receiver)
    })
  }

  #receive(type: number, body: Buffer): void {
    if (this.closed) return
    switch (type) {
      case Message.ready: {
        this.status = String.fromCharCode(body[0] ?? 0) as TransactionStatus
        this.#receivers.shift()?.ready(this.status)
        return
      }
      case Message.parameterStatus:
        this.#parameterChanged(body)
        return
      case Message.authentication:
        // Nothing but who we are is ever asked: a password is not for this socket.
        if (body.readInt32BE(0) !== 0) this.#socket.destroy()
        return
      case Message.backendKey:
        this.pid = body.readInt32BE(0)
        return
      case Message.copyIn:
      case Message.copyOut:
      case Message.copyBoth:
        this.#socket.destroy()
        return
      case Message.error: {
        const error = readError(body)
        if (error['V'] === 'FATAL' || error['V'] === 'PANIC') this.#fatal = error
        this.#receivers[0]?.message(type, body)
        return
      }
      default:
        this.#receivers[0]?.message(type, body)
    }
  }

  /** Text in another encoding would be taken for UTF-8. */
  #parameterChanged(body: Buffer): void {
    const name = readText(body)
    const value = readText(body.subarray(Buffer.byteLength(name) + 1))
    if (name !== 'client_encoding' || value === 'UTF8') return
    this.#fatal = { C: '0A000', M: `client_encoding must stay UTF8, not ${value}` }
    this.#socket.destroy()
  }

  #closed(): void {
    for (const receiver of this.#receivers.splice(0)) receiver.lost(this.#fatal)
    this.#onClose?.()
  }
}
