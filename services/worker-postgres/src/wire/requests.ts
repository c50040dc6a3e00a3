/** Messages to the server, PostgreSQL's protocol 3.0. */

const TEXT = 0
const BINARY = 1

/** A parameter: text, bytes as they are, or NULL. */
export type Binding = string | Uint8Array | null

export function startup(options: Readonly<Record<string, string>>): Buffer {
  const words = Object.entries(options).flat().join('\0')
  const body = Buffer.from(`${words}\0\0`)
  const head = Buffer.alloc(8)
  head.writeInt32BE(8 + body.length, 0)
  head.writeInt32BE(3 << 16, 4)
  return Buffer.concat([head, body])
}

/** The simple protocol: for the platform's own commands alone. */
export const simple = (sql: string): Buffer => message('Q', Buffer.from(`${sql}\0`))

export const terminate = (): Buffer => message('X', Buffer.alloc(0))

function message(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5)
  head.write(type, 0, 'latin1')
  head.writeInt32BE(4 + body.length, 1)
  return Buffer.concat([head, body])
}

const DESCRIBE_PORTAL = message('D', Buffer.from('P\0'))
const SYNC = message('S', Buffer.alloc(0))
const HEAD_BYTES = 5
/** Head, two empty names, the end of the text and the number of given types. */
const PARSE_BYTES = HEAD_BYTES + 4
/** Head, two empty names, three counts, and the one format of all columns. */
const BIND_BYTES = HEAD_BYTES + 10
const EXECUTE_BYTES = HEAD_BYTES + 5
const FORMAT_BYTES = 2
const LENGTH_BYTES = 4

/** One statement of the extended protocol, which refuses more than one, with at most `rowsMax` rows (0: all). */
export function statement(sql: string, bindings: readonly Binding[], rowsMax: number): Buffer {
  const parseBytes = PARSE_BYTES + Buffer.byteLength(sql)
  const bindBytes = BIND_BYTES + bindingsBytes(bindings)
  const bytes = Buffer.allocUnsafe(
    parseBytes + bindBytes + DESCRIBE_PORTAL.length + EXECUTE_BYTES + SYNC.length,
  )
  let at = begin(bytes, 0, 'P', parseBytes)
  at = bytes.writeUInt8(0, at)
  at += bytes.write(sql, at)
  at = bytes.writeUInt8(0, at)
  at = bytes.writeUInt16BE(0, at)
  at = writeBind(bytes, at, bindings, bindBytes)
  at += DESCRIBE_PORTAL.copy(bytes, at)
  at = begin(bytes, at, 'E', EXECUTE_BYTES)
  at = bytes.writeUInt8(0, at)
  at = bytes.writeInt32BE(rowsMax, at)
  SYNC.copy(bytes, at)
  return bytes
}

function bindingsBytes(bindings: readonly Binding[]): number {
  let bytes = bindings.length * (FORMAT_BYTES + LENGTH_BYTES)
  for (const binding of bindings) if (binding !== null) bytes += Buffer.byteLength(binding)
  return bytes
}

function begin(bytes: Buffer, at: number, type: string, length: number): number {
  bytes.writeUInt8(type.charCodeAt(0), at)
  return bytes.writeInt32BE(length - 1, at + 1)
}

function writeBind(bytes: Buffer, start: number, bindings: readonly Binding[], length: number) {
  let at = begin(bytes, start, 'B', length)
  at = bytes.writeUInt16BE(0, at)
  at = bytes.writeUInt16BE(bindings.length, at)
  for (const binding of bindings)
    at = bytes.writeUInt16BE(binding instanceof Uint8Array ? BINARY : TEXT, at)
  at = bytes.writeUInt16BE(bindings.length, at)
  for (const binding of bindings) at = writeValue(bytes, at, binding)
  at = bytes.writeUInt16BE(1, at)
  return bytes.writeUInt16BE(TEXT, at)
}

function writeValue(bytes: Buffer, start: number, binding: Binding): number {
  if (binding === null) return bytes.writeInt32BE(-1, start)
  const length =
    typeof binding === 'string'
      ? bytes.write(binding, start + LENGTH_BYTES)
      : Buffer.from(binding.buffer, binding.byteOffset, binding.byteLength).copy(
          bytes,
          start + LENGTH_BYTES,
        )
  return bytes.writeInt32BE(length, start) + length
}
