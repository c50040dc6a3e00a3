import { once } from 'node:events'
import type { Socket } from 'node:net'
import { type SecureContext, TLSSocket } from 'node:tls'
import type { CancelKey } from './cancel-keys.ts'
import { PgRefusal } from './refusal.ts'
import { type Parameters, readPacket } from './startup.ts'

/** What clients of PostgreSQL 17 and newer name when they encrypt from the first byte. */
const ALPN = 'postgresql'
const YES = 'S'
const NO = 'N'

export interface Greeting {
  /** Encrypted, if the client wished it. */
  readonly client: Socket
  readonly wish:
    | { readonly kind: 'cancel'; readonly key: CancelKey; readonly isPassedOn: boolean }
    | { readonly kind: 'session'; readonly version: number; readonly parameters: Parameters }
  /** The name that the client looked the server up by; only TLS tells. */
  readonly serverName: string | undefined
}

/**
 * Reads what a client wants, and agrees on encryption where it asks for it.
 * @param onEncrypted told the stream to use from then on, also for a refusal
 * @throws PgRefusal; Error if it went away
 */
export async function greet(
  raw: Socket,
  tls: SecureContext | null,
  onEncrypted: (client: Socket) => void,
): Promise<Greeting> {
  let client = raw
  let encrypted: TLSSocket | null = null
  for (;;) {
    const packet = await readPacket(client)
    switch (packet.kind) {
      case 'gss':
        client.write(NO)
        break
      case 'ssl':
      case 'tls': {
        const isDirect = packet.kind === 'tls'
        if (encrypted || (isDirect && !tls))
          throw new PgRefusal('08P01', 'encryption was not expected here')
        if (!isDirect) client.write(tls ? YES : NO)
        if (!tls) break
        encrypted = await secure(raw, tls)
        client = encrypted
        onEncrypted(client)
        if (isDirect && encrypted.alpnProtocol !== ALPN)
          throw new PgRefusal('08P01', 'direct TLS without the protocol’s name')
        break
      }
      case 'cancel':
        return {
          client,
          wish: { kind: 'cancel', key: packet, isPassedOn: packet.isPassedOn },
          serverName: undefined,
        }
      case 'startup': {
        const { version, parameters } = packet
        const serverName = (encrypted as { servername?: string | false } | null)?.servername
        return {
          client,
          wish: { kind: 'session', version, parameters },
          serverName: serverName || undefined,
        }
      }
    }
  }
}

async function secure(raw: Socket, secureContext: SecureContext): Promise<TLSSocket> {
  const encrypted = new TLSSocket(raw, { isServer: true, secureContext, ALPNProtocols: [ALPN] })
  const failed = new AbortController()
  const onEnd = (error?: Error) => failed.abort(error ?? new Error('the client went away'))
  encrypted.once('error', onEnd).once('close', onEnd)
  try {
    await once(encrypted, 'secure', { signal: failed.signal })
  } finally {
    encrypted.off('close', onEnd)
  }
  return encrypted
}
