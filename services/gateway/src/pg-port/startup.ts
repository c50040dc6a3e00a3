/** The packets that a client begins with, before messages have types. */

/** PostgreSQL's own limit. */
const PACKET_BYTES_MAX = 10_000
const HEAD_BYTES = 8
const MAJOR = 3
const code = (number: number) => ((1234 << 16) | number) >>> 0
const CANCEL = code(5678)
const SSL = code(5679)
const GSS_ENCRYPTION = code(5680)
/** Of this product's gateways among themselves: a cancel that was passed on already. */
const CANCEL_FORWARDED = code(5699)
/** PostgreSQL 18's longest; 17 and older have four bytes. */
const SECRET_BYTES_MAX = 256
const SECRET_BYTES_MIN = 4

export interface CancelPacket {
  readonly kind: 'cancel'
  readonly pid: number
  readonly secret: Buffer
  readonly forwarded: boolean
}

export interface StartupPacket {
  readonly kind: 'startup'
  /** Major and minor of the protocol, as sent. */
  readonly version: number
  readonly user: string
  /** Null where the client names none. */
  readonly database: string | null
  /** All of them in their order, byte for byte in Latin-1. */
  readonly parameters: readonly (readonly [name: string, value: string])[]
}

export type Packet =
  | { readonly kind: 'ssl' | 'gss' }
  | { readonly kind: 'unsupported'; readonly version: string }
  | CancelPacket
  | StartupPacket

/** The client does not speak the protocol. */
export class MalformedPacket extends Error {}

/**
 * The length of the packet that begins with these four bytes, which count.
 * @throws MalformedPacket
 */
export function packetLength(bytes: Buffer): number {
  const length = bytes.readUInt32BE(0)
  if (length < HEAD_BYTES || length > PACKET_BYTES_MAX)
    throw new MalformedPacket('invalid length of startup packet')
  return length
}

/** @throws MalformedPacket */
export function readPacket(packet: Buffer): Packet {
  const version = packet.readUInt32BE(4)
  switch (version) {
    case SSL:
      return withoutBody(packet, 'ssl')
    case GSS_ENCRYPTION:
      return withoutBody(packet, 'gss')
    case CANCEL:
      return readCancel(packet, false)
    case CANCEL_FORWARDED:
      return readCancel(packet, true)
    default:
      if (version >>> 16 === MAJOR) return readStartup(packet, version)
      return { kind: 'unsupported', version: `${version >>> 16}.${version & 0xffff}` }
  }
}

function withoutBody(packet: Buffer, kind: 'ssl' | 'gss'): Packet {
  if (packet.length !== HEAD_BYTES) throw new MalformedPacket('invalid length of startup packet')
  return { kind }
}

function readCancel(packet: Buffer, forwarded: boolean): CancelPacket {
  const secret = packet.subarray(HEAD_BYTES + 4)
  if (secret.length < SECRET_BYTES_MIN || secret.length > SECRET_BYTES_MAX)
    throw new MalformedPacket('invalid length of cancel request packet')
  return { kind: 'cancel', pid: packet.readUInt32BE(HEAD_BYTES), secret, forwarded }
}

function readStartup(packet: Buffer, version: number): StartupPacket {
  const parameters = readParameters(packet)
  const user = lastOf(parameters, 'user')
  if (!user) throw new MalformedPacket('no PostgreSQL user name specified in startup packet')
  return {
    kind: 'startup',
    version,
    user: utf8(user),
    database: utf8(lastOf(parameters, 'database') ?? '') || null,
    parameters,
  }
}

function readParameters(packet: Buffer): [string, string][] {
  const parameters: [string, string][] = []
  let at = HEAD_BYTES
  const word = () => {
    const end = packet.indexOf(0, at)
    if (end < 0) throw layout()
    const text = packet.toString('latin1', at, end)
    at = end + 1
    return text
  }
  for (let name = word(); name !== ''; name = word()) parameters.push([name, word()])
  if (at !== packet.length) throw layout()
  return parameters
}

const layout = () =>
  new MalformedPacket('invalid startup packet layout: expected terminator as last byte')

/** A server takes the last of several. */
const lastOf = (parameters: StartupPacket['parameters'], wanted: string) =>
  parameters.findLast(([name]) => name === wanted)?.[1]

const utf8 = (latin1: string) => Buffer.from(latin1, 'latin1').toString()

/** The client's startup for the server: one user and one database, and everything else as it was. */
export function startupFor({ version, user, parameters }: StartupPacket, database: string): Buffer {
  const others = parameters.filter(([name]) => name !== 'user' && name !== 'database')
  const named = [
    Buffer.from(`user\0${user}\0database\0${database}\0`),
    ...others.map(([name, value]) => Buffer.from(`${name}\0${value}\0`, 'latin1')),
    Buffer.from('\0'),
  ]
  return packetOf(version, Buffer.concat(named))
}

export function cancelPacket(
  { pid, secret }: Pick<CancelPacket, 'pid' | 'secret'>,
  forwarded = false,
): Buffer {
  const body = Buffer.alloc(4 + secret.length)
  body.writeUInt32BE(pid, 0)
  secret.copy(body, 4)
  return packetOf(forwarded ? CANCEL_FORWARDED : CANCEL, body)
}

function packetOf(version: number, body: Buffer): Buffer {
  const head = Buffer.alloc(HEAD_BYTES)
  head.writeUInt32BE(HEAD_BYTES + body.length, 0)
  head.writeUInt32BE(version, 4)
  return Buffer.concat([head, body])
}
