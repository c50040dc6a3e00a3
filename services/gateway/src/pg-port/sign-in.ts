/**
 * From the first packet to the server's being ready: who the client is is between it and the server, whose messages pass
 * through; only the key for cancelling is exchanged. A server that does not ask for a password as it should is not let have
 * the client.
 */
import type { Socket } from 'node:net'
import type { CancelKey } from './cancel-keys.ts'
import { endsMessage } from './message-end.ts'
import { PgRefusal } from './refusal.ts'
import type { ServerConnection } from './server-connection.ts'

const HEAD_BYTES = 5
const AUTHENTICATION = 0x52
const READY = 0x5a
const ERROR = 0x45
const BACKEND_KEY = 0x4b
/** Parameters, questions for a password and errors are short. */
const MESSAGE_BYTES_MAX = 64 * 1024

/** What an authentication message asks for or says. */
const Ask = { ok: 0, sasl: 10, saslContinue: 11, saslFinal: 12 } as const

export interface SignInOptions {
  readonly client: Socket
  readonly server: ServerConnection
  /** What to give to the client in place of the server's key. */
  readonly exchangeKey: (server: CancelKey) => CancelKey
}

/**
 * Resolves once the session is ready, with both sides paused and nothing left unread.
 * @throws PgRefusal where the client has not been told why; Error where it needs not be
 */
export function signIn({ client, server, exchangeKey }: SignInOptions): Promise<void> {
  const { socket } = server
  return new Promise((resolve, reject) => {
    let rest: Buffer = Buffer.alloc(0)
    let told = false
    const proof = new Proof()
    const settle = (then: () => void) => {
      server.take = null
      client.pause()
      client.off('data', onClient).off('close', onClose)
      socket.off('close', onClose)
      then()
    }
    const onClose = () =>
      settle(() =>
        reject(
          told || client.destroyed
            ? new Error('the session was ended before it was ready')
            : new PgRefusal('57P01', 'terminating connection: the database was stopped'),
        ),
      )
    const onClient = (chunk: Buffer) => void socket.write(chunk)
    const onServer = (): boolean => {
      for (let message = first(rest); message; message = first(rest)) {
        rest = rest.subarray(message.length)
        const type = message.readUInt8(0)
        told ||= type === ERROR
        if (type === AUTHENTICATION) proof.follow(message.readUInt32BE(HEAD_BYTES))
        if (type === READY) proof.require()
        client.write(type === BACKEND_KEY ? exchanged(message, exchangeKey) : message)
        if (type !== READY) continue
        client.write(rest)
        server.isAtMessageEnd = rest.length === 0 || endsMessage(rest, true)
        settle(resolve)
        return false
      }
      return true
    }
    server.take = (bytes) => {
      rest = Buffer.concat([rest, bytes])
      try {
        return onServer()
      } catch (error) {
        settle(() => reject(error))
        return false
      }
    }
    client.on('data', onClient).on('close', onClose)
    socket.on('close', onClose)
    client.resume()
    socket.resume()
  })
}

/** That the client has proved who it is by SCRAM: neither by nothing, nor by a password in plain text. */
class Proof {
  #isGiven = false
  #isAccepted = false

  follow(ask: number): void {
    if (ask === Ask.saslFinal) this.#isGiven = true
    else if (ask === Ask.ok && this.#isGiven) this.#isAccepted = true
    else if (ask !== Ask.sasl && ask !== Ask.saslContinue) throw unproved()
  }

  require(): void {
    if (!this.#isAccepted) throw unproved()
  }
}

const unproved = () => new PgRefusal('28000', 'the server does not ask for a password as it should')

/** The first message that is there whole. */
function first(bytes: Buffer): Buffer | undefined {
  if (bytes.length < HEAD_BYTES) return undefined
  const length = bytes.readInt32BE(1)
  if (length < 4 || length > MESSAGE_BYTES_MAX)
    throw new PgRefusal('08P01', 'the server broke the protocol')
  return bytes.length > length ? bytes.subarray(0, length + 1) : undefined
}

function exchanged(message: Buffer, exchangeKey: SignInOptions['exchangeKey']): Buffer {
  const { pid, secret } = exchangeKey({
    pid: message.readInt32BE(HEAD_BYTES),
    secret: Buffer.from(message.subarray(HEAD_BYTES + 4)),
  })
  const ours = Buffer.alloc(HEAD_BYTES + 4 + secret.length)
  ours.writeUInt8(BACKEND_KEY, 0)
  ours.writeInt32BE(ours.length - 1, 1)
  ours.writeInt32BE(pid, HEAD_BYTES)
  ours.set(secret, HEAD_BYTES + 4)
  return ours
}
