import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { TLSSocket } from 'node:tls'

const READ_BYTES = 64 * 1024

/** Takes bytes, which are good during the call. @returns whether it will take more now; if not, resume the socket later. */
export type TakeBytes = (bytes: Buffer) => boolean

/**
 * A connection to a database's server. It reads into one buffer again and again: a new one for each answer would be most
 * of the work of passing it on. What a client has not taken at once holds the buffer, and another one takes its place; one
 * whose answers are encrypted never has by then, so it gets them copied.
 */
export class ServerConnection {
  readonly socket: Socket
  /** What the bytes are for; without it the server waits. */
  take: TakeBytes | null = null
  /** Whether something may be said to the client in the server's name. */
  isAtMessageEnd = true
  /** Null while the client waits for an answer. */
  readiness: 'idle' | 'in transaction' | null = 'idle'
  #buffer = Buffer.allocUnsafeSlow(READ_BYTES)

  constructor(path: string, client: Socket) {
    const copies = client instanceof TLSSocket
    this.socket = connect({
      path,
      onread: {
        buffer: () => {
          if (!copies && client.writableLength > 0)
            this.#buffer = Buffer.allocUnsafeSlow(READ_BYTES)
          return this.#buffer
        },
        callback: (length, { buffer }) => {
          const read = Buffer.from(buffer, 0, length)
          return this.take?.(copies ? Buffer.from(read) : read) ?? false
        },
      },
    })
    this.socket.on('error', () => this.socket.destroy())
  }

  /** Whether it is connected, once that is known. */
  connected(): Promise<boolean> {
    return once(this.socket, 'connect').then(
      () => true,
      () => false,
    )
  }
}
