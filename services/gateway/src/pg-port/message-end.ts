import { Message } from './messages.ts'

const READY_BYTES = 6
const READY_LENGTH = 5
/** What a server says unasked. */
const ASIDES: ReadonlySet<number | undefined> = new Set([
  Message.notification,
  Message.notice,
  Message.parameterStatus,
])

/**
 * Whether a server's bytes so far end where a message does, as far as can be told without reading them all. Only there can
 * something be said in the server's name: elsewhere it would be taken for part of a row.
 */
export function endsMessage(bytes: Buffer, before: boolean): boolean {
  const at = bytes.length - READY_BYTES
  if (at >= 0 && bytes[at] === Message.ready && bytes.readUInt32BE(at + 1) === READY_LENGTH)
    return true
  return before && ASIDES.has(bytes[0]) && isOneMessage(bytes)
}

const isOneMessage = (bytes: Buffer) =>
  bytes.length > 4 && bytes.readUInt32BE(1) === bytes.length - 1
