import type { Key } from './cancel-keys.ts'
import { Authentication, backendKey, Message, sqlStateOf } from './messages.ts'

const HEAD_BYTES = 5
/** Nothing that a server says before it is ready comes near it. */
const MESSAGE_BYTES_MAX = 64 * 1024

/** The server does what it should not. */
export class SignInError extends Error {}

/**
 * Follows what a server says until it is ready for queries. The client reads all of it, with a key of ours in place of
 * the server's.
 */
export class SignIn {
  /** By a password: a server that asks for none, or for it in plain text, is not let have the client. */
  authenticated = false
  ready = false
  /** The SQLSTATE of the error that the server has ended it with. */
  refusedWith: string | null = null
  readonly #replaceKey: (key: Key) => Key
  #proved = false
  #partial: Buffer = Buffer.alloc(0)

  constructor(replaceKey: (key: Key) => Key) {
    this.#replaceKey = replaceKey
  }

  /**
   * @returns what is for the client.
   * @throws SignInError
   */
  push(chunk: Buffer): Buffer {
    const bytes = this.#partial.length > 0 ? Buffer.concat([this.#partial, chunk]) : chunk
    const parts: Buffer[] = []
    let at = 0
    while (!this.ready && bytes.length - at >= HEAD_BYTES) {
      const end = at + 1 + bytes.readUInt32BE(at + 1)
      if (end < at + HEAD_BYTES || end - at > MESSAGE_BYTES_MAX)
        throw new SignInError('a message of the server has no such length')
      if (end > bytes.length) break
      parts.push(this.#message(bytes.subarray(at, end)))
      at = end
    }
    if (this.ready) parts.push(bytes.subarray(at))
    else this.#partial = Buffer.from(bytes.subarray(at))
    return Buffer.concat(parts)
  }

  #message(message: Buffer): Buffer {
    const body = message.subarray(HEAD_BYTES)
    switch (message[0]) {
      case Message.authentication:
        this.#followAuthentication(body)
        return message
      case Message.backendKey: {
        if (body.length < 8) throw new SignInError('the key of the server is too short')
        const key = { pid: body.readUInt32BE(0), secret: Buffer.from(body.subarray(4)) }
        const ours = this.#replaceKey(key)
        return backendKey(ours.pid, ours.secret)
      }
      case Message.error:
        this.refusedWith = sqlStateOf(body)
        return message
      case Message.ready:
        if (!this.authenticated) throw new SignInError('the server is ready for anybody')
        this.ready = true
        return message
      default:
        return message
    }
  }

  #followAuthentication(body: Buffer): void {
    if (body.length < 4) throw new SignInError('an authentication message is too short')
    switch (body.readUInt32BE(0)) {
      case Authentication.ok:
        if (!this.#proved) throw new SignInError('the server asks for no password')
        this.authenticated = true
        return
      case Authentication.saslFinal:
        this.#proved = true
        return
      case Authentication.sasl:
      case Authentication.saslContinue:
        return
      default:
        throw new SignInError('the server asks for a password in another way than by SCRAM')
    }
  }
}
