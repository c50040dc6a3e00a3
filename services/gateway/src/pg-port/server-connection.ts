import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

const READ_BYTES = 64 * 1024

/** Takes bytes, which are good during the call. @returns whether it will take more now; if not, resume the socket later. */
export type TakeBytes = (bytes: Buffer) => boolean

/**
 * A connection to a database's server. It reads into one buffer again and again for as long as what was read before has
 * left: a new one for each answer would be most of the work of passing it on.
 */
export class ServerConnection {
  readonly socket: Socket
  /** What the bytes are for; without it the server waits. */
  take: TakeBytes | null = null
  /** Whether something may be said to the client in the server's name. */
  isAtMessageEnd = true
  #buffer = Buffer.allocUnsafeSlow(READ_BYTES)

  /** @param isHeld whether somebody still holds what was read last */
  constructor(path: string, isHeld: () => boolean) {
    this.socket = connect({
      path,
      onread: {
        buffer: () => {
          if (isHeld()) this.#buffer = Buffer.allocUnsafeSlow(READ_BYTES)
          return this.#buffer
        },
        callback: (length, buffer) => this.take?.(Buffer.from(buffer.buffer, 0, length)) ?? false,
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
