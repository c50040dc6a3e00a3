import type { Socket } from 'node:net'
import { type SecureContext, TLSSocket } from 'node:tls'
import { PgRefusal, SqlState } from './pg-target.ts'
import {
  type CancelPacket,
  MalformedPacket,
  packetLength,
  readPacket,
  type StartupPacket,
} from './startup.ts'

/** What TLS calls the protocol. */
const ALPN = 'postgresql'
const TLS_RECORD = 0x16
const YES = 'S'
const NO = 'N'

/** What a client wants, once it is agreed how it is spoken to. */
export interface Opening {
  readonly socket: Socket
  readonly request: StartupPacket | CancelPacket
  /** The host that the client named in its TLS handshake. */
  readonly serverName: string | null
}

/** The client has hung up before it said what it wants. */
export class HungUp extends Error {}

/**
 * Reads a connection up to its request: agrees on encryption, which the client asks for in one of two ways.
 * What follows the request stays in the socket.
 */
export class Negotiation {
  #socket: Socket
  readonly #tls: SecureContext | null
  readonly #askedFor = new Set<'ssl' | 'gss'>()

  constructor(socket: Socket, tls: SecureContext | null) {
    this.#socket = socket.on('error', ignore)
    this.#tls = tls
  }

  /** Where an answer is to go: it changes when the connection is encrypted. */
  get socket(): Socket {
    return this.#socket
  }

  /** @throws PgRefusal, MalformedPacket, HungUp or an error of TLS */
  async request(): Promise<Opening> {
    for (;;) {
      const bytes = await this.#packet()
      if (bytes === null) {
        await this.#beginDirectTls()
        continue
      }
      const packet = readPacket(bytes)
      switch (packet.kind) {
        case 'ssl':
          await this.#answerSsl()
          continue
        case 'gss':
          this.#once('gss')
          this.#socket.write(NO)
          continue
        case 'unsupported':
          throw new PgRefusal(
            SqlState.notSupported,
            `unsupported frontend protocol ${packet.version}: server supports 3.0 and newer`,
          )
        case 'cancel':
        case 'startup':
          return { socket: this.#socket, request: packet, serverName: this.#serverName() }
      }
    }
  }

  async #answerSsl(): Promise<void> {
    this.#once('ssl')
    if (!this.#tls) {
      this.#socket.write(NO)
      return
    }
    // Whatever lies here was not encrypted, so anybody on the way could have put it there (CVE-2021-23222).
    if (this.#socket.readableLength > 0)
      throw new MalformedPacket('received unencrypted data after SSL request')
    this.#socket.write(YES)
    await this.#encrypt(this.#tls)
  }

  async #beginDirectTls(): Promise<void> {
    if (!this.#tls) throw new MalformedPacket('SSL is not offered here')
    const tls = await this.#encrypt(this.#tls)
    // Otherwise a client of another protocol could be led to send what reads as a startup packet.
    if (tls.alpnProtocol !== ALPN)
      throw new MalformedPacket(
        'received direct SSL connection request without ALPN protocol negotiation extension',
      )
  }

  /** Each may be asked once, and in plain text only. */
  #once(kind: 'ssl' | 'gss'): void {
    if (this.#askedFor.has(kind) || this.#socket instanceof TLSSocket)
      throw new MalformedPacket('encryption was asked for again')
    this.#askedFor.add(kind)
  }

  #encrypt(secureContext: SecureContext): Promise<TLSSocket> {
    const plain = this.#socket
    const socket = new TLSSocket(plain, { isServer: true, secureContext, ALPNProtocols: [ALPN] })
    this.#socket = socket.on('error', ignore)
    return new Promise((resolve, reject) => {
      const hungUp = () => reject(new HungUp())
      socket.once('error', reject)
      socket.once('close', hungUp)
      socket.once('secure', () => {
        socket.off('error', reject)
        socket.off('close', hungUp)
        resolve(socket)
      })
    })
  }

  #serverName(): string | null {
    return (this.#socket instanceof TLSSocket && this.#socket.servername) || null
  }

  /** The next packet; null where TLS begins instead. */
  async #packet(): Promise<Buffer | null> {
    const first = await this.#take(1)
    if (first[0] === TLS_RECORD && !(this.#socket instanceof TLSSocket)) {
      this.#socket.unshift(first)
      return null
    }
    const head = Buffer.concat([first, await this.#take(3)])
    const rest = await this.#take(packetLength(head) - head.length)
    return Buffer.concat([head, rest])
  }

  /** So many bytes and no more; the others stay in the socket. */
  #take(count: number): Promise<Buffer> {
    const socket = this.#socket
    return new Promise((resolve, reject) => {
      const settle = (outcome: () => void) => {
        socket.off('readable', look).off('end', ended).off('close', ended)
        outcome()
      }
      const ended = () => settle(() => reject(new HungUp()))
      const look = () => {
        const bytes: Buffer | null = socket.readableLength >= count ? socket.read(count) : null
        if (bytes) settle(() => resolve(bytes))
        else if (socket.readableEnded || socket.destroyed) ended()
      }
      socket.on('readable', look).on('end', ended).on('close', ended)
      look()
    })
  }
}

const ignore = () => {}
