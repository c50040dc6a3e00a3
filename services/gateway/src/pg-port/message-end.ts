const READY = 0x5a
const READY_BYTES = 6
const READY_LENGTH = 5
/** What a server says unasked: a notification, a notice, a parameter that has changed. */
const ASIDES: ReadonlySet<number | undefined> = new Set([0x41, 0x4e, 0x53])

/**
 * Whether a server's bytes so far end where a message does, as far as can be told without reading them all. Only there can
 * something be said in the server's name: elsewhere it would be taken for part of a row.
 */
export function endsMessage(bytes: Buffer, before: boolean): boolean {
  if (isReadyAt(bytes, bytes.length - READY_BYTES)) return true
  return before && ASIDES.has(bytes[0]) && isOneMessage(bytes)
}

const isOneMessage = (bytes: Buffer) =>
  bytes.length > 4 && bytes.readUInt32BE(1) === bytes.length - 1

/** Of ReadyForQuery (protocol 3.0, “Message Formats”): `I`, or `T` or `E` in a transaction. */
const IDLE = 0x49

/** Whether bytes of a server end with the word that it waits for the next query, and within a transaction or not. */
export function readiness(bytes: Buffer): 'idle' | 'in transaction' | null {
  const at = bytes.length - READY_BYTES
  if (!isReadyAt(bytes, at)) return null
  return bytes[at + READY_LENGTH] === IDLE ? 'idle' : 'in transaction'
}

const isReadyAt = (bytes: Buffer, at: number) =>
  at >= 0 && bytes[at] === READY && bytes.readUInt32BE(at + 1) === READY_LENGTH
