/**
 * How a PostgreSQL connection begins: packets without a type, until it is clear who wants what
 * (https://www.postgresql.org/docs/current/protocol-message-formats.html).
 */
import type { Duplex } from 'node:stream'
import { PgRefusal } from './refusal.ts'

/** PostgreSQL's own limit. */
const PACKET_BYTES_MAX = 10_000
/** The last is this product's own, among its gateways: a request to cancel that was passed on already. */
const CODE = {
  ssl: 80_877_103,
  gss: 80_877_104,
  cancel: 80_877_102,
  cancelPassedOn: 80_877_123,
} as const
const MAJOR = 3
/** First byte of a TLS handshake: a client that encrypts without asking first. */
const TLS_HANDSHAKE = 0x16

export type FirstPacket =
  | { readonly kind: 'ssl' | 'gss' }
  | { readonly kind: 'tls' }
  | {
      readonly kind: 'cancel'
      readonly pid: number
      readonly secret: Buffer
      readonly isPassedOn: boolean
    }
  | { readonly kind: 'startup'; readonly version: number; readonly parameters: Parameters }

/** As the client named them, in its order; byte for byte in Latin-1, since their encoding is one of them. */
export type Parameters = ReadonlyMap<string, string>

/**
 * Reads one packet and leaves the stream paused, with nothing read beyond it: a client that says more before it is
 * answered would have it taken for what comes encrypted later (CVE-2021-23214).
 * @throws PgRefusal; Error if the stream ends
 */
export async function readPacket(stream: Duplex): Promise<FirstPacket> {
  let bytes: Buffer = Buffer.alloc(0)
  for (;;) {
    const chunk = await read(stream)
    bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk])
    if (bytes[0] === TLS_HANDSHAKE) {
      stream.unshift(bytes)
      return { kind: 'tls' }
    }
    if (bytes.length < 4) continue
    const length = bytes.readInt32BE(0)
    if (length < 8 || length > PACKET_BYTES_MAX) throw invalid('length of startup packet')
    if (bytes.length > length) throw invalid('startup packet: there is more than was asked for')
    if (bytes.length === length) return parsePacket(bytes.subarray(4))
  }
}

function read(stream: Duplex): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const settle = (then: () => void) => {
      stream.pause()
      stream.off('data', onData).off('end', onEnd).off('close', onEnd).off('error', onEnd)
      then()
    }
    const onData = (chunk: Buffer) => settle(() => resolve(chunk))
    const onEnd = () => settle(() => reject(new Error('the client went away')))
    if (stream.destroyed) {
      reject(new Error('the client went away'))
      return
    }
    stream.on('data', onData).once('end', onEnd).once('close', onEnd).once('error', onEnd)
    stream.resume()
  })
}

function parsePacket(packet: Buffer): FirstPacket {
  const code = packet.readInt32BE(0)
  if (code === CODE.ssl) return { kind: 'ssl' }
  if (code === CODE.gss) return { kind: 'gss' }
  if (code === CODE.cancel || code === CODE.cancelPassedOn) {
    if (packet.length < 12) throw invalid('cancel request')
    return {
      kind: 'cancel',
      pid: packet.readInt32BE(4),
      secret: packet.subarray(8),
      isPassedOn: code === CODE.cancelPassedOn,
    }
  }
  if (code >> 16 !== MAJOR)
    throw new PgRefusal(
      '0A000',
      `unsupported frontend protocol ${code >> 16}.${code & 0xffff}: server supports 3.0 to 3.2`,
    )
  return { kind: 'startup', version: code, parameters: parseParameters(packet.subarray(4)) }
}

function parseParameters(body: Buffer): Parameters {
  const words = body.toString('latin1').split('\0')
  // Pairs, then an empty name, then what is behind its end.
  if (words.length % 2 !== 0 || words.at(-1) !== '' || words.at(-2) !== '')
    throw invalid('startup packet layout: expected terminator as last byte')
  const parameters = new Map<string, string>()
  for (let at = 0; at < words.length - 2; at += 2) {
    const name = words[at] ?? ''
    if (name === '') throw invalid('startup packet layout')
    parameters.set(name, words[at + 1] ?? '')
  }
  return parameters
}

/** A parameter as text. */
export const textOf = (parameter: string | undefined): string =>
  Buffer.from(parameter ?? '', 'latin1').toString()

export function startupPacket(version: number, parameters: Parameters): Buffer {
  const words = [...parameters].flat().map((word) => `${word}\0`)
  const body = Buffer.from(`${words.join('')}\0`, 'latin1')
  const head = Buffer.alloc(8)
  head.writeInt32BE(8 + body.length, 0)
  head.writeInt32BE(version, 4)
  return Buffer.concat([head, body])
}

export function cancelPacket(pid: number, secret: Uint8Array, isPassedOn = false): Buffer {
  const packet = Buffer.alloc(12 + secret.length)
  packet.writeInt32BE(packet.length, 0)
  packet.writeInt32BE(isPassedOn ? CODE.cancelPassedOn : CODE.cancel, 4)
  packet.writeInt32BE(pid, 8)
  packet.set(secret, 12)
  return packet
}

const invalid = (what: string) => new PgRefusal('08P01', `invalid ${what}`)
