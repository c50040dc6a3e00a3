import { connect, type Socket } from 'node:net'

/** A client that sends what it is told to, byte by byte, and keeps what it is told. */
export class RawClient {
  readonly socket: Socket
  readonly ended: Promise<void>
  received: Buffer = Buffer.alloc(0)

  constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1' })
    this.socket.on('error', () => {})
    this.socket.on('data', (chunk: Buffer) => {
      this.received = Buffer.concat([this.received, chunk])
    })
    this.ended = new Promise((resolve) => this.socket.once('close', () => resolve()))
  }

  send(...parts: Uint8Array[]): this {
    this.socket.write(Buffer.concat(parts))
    return this
  }

  async has(bytes: number): Promise<Buffer> {
    while (this.received.length < bytes && !this.socket.destroyed)
      await new Promise((resolve) => setTimeout(resolve, 5))
    return this.received
  }

  /** The SQLSTATE that the connection ended with; null where it ended without a word. */
  async sqlState(): Promise<string | null> {
    await this.ended
    return /\0C([0-9A-Z]{5})\0/.exec(this.received.toString('latin1'))?.[1] ?? null
  }
}

const framed = (code: number, body: Uint8Array = new Uint8Array()): Buffer => {
  const head = Buffer.alloc(8)
  head.writeUInt32BE(8 + body.length, 0)
  head.writeUInt32BE(code, 4)
  return Buffer.concat([head, body])
}

export const SSL_REQUEST = framed(80_877_103)
export const GSS_REQUEST = framed(80_877_104)

export const cancelRequest = (pid: number, secret: number): Buffer => {
  const body = Buffer.alloc(8)
  body.writeInt32BE(pid, 0)
  body.writeInt32BE(secret, 4)
  return framed(80_877_102, body)
}

export const startup = (parameters: Readonly<Record<string, string>>, version = 3 << 16): Buffer =>
  framed(version, Buffer.from(`${Object.entries(parameters).flat().join('\0')}\0\0`))
