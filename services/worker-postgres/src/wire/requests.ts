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
export const simple = (sql: string): Buffer => message('Q', [Buffer.from(`${sql}\0`)])

export const terminate = (): Buffer => message('X', [])

/** One statement of the extended protocol, which refuses more than one, with at most `rowsMax` rows (0: all). */
export function statement(sql: string, bindings: readonly Binding[], rowsMax: number): Buffer {
  return Buffer.concat([
    message('P', [Buffer.from(`\0${sql}\0\0\0`)]),
    message('B', bindParts(bindings)),
    message('D', [PORTAL]),
    message('E', [Buffer.from([0]), int32(rowsMax)]),
    SYNC,
  ])
}

const PORTAL = Buffer.from('P\0')
const SYNC = message('S', [])

function bindParts(bindings: readonly Binding[]): Buffer[] {
  const values = bindings.flatMap((binding) => {
    if (binding === null) return [int32(-1)]
    const bytes = typeof binding === 'string' ? Buffer.from(binding) : Buffer.from(binding)
    return [int32(bytes.length), bytes]
  })
  const formats = bindings.map((binding) => int16(binding instanceof Uint8Array ? BINARY : TEXT))
  const count = int16(bindings.length)
  return [Buffer.from('\0\0'), count, ...formats, count, ...values, int16(1), int16(TEXT)]
}

function message(type: string, parts: readonly Buffer[]): Buffer {
  const bytes = parts.reduce((sum, part) => sum + part.length, 0)
  const head = Buffer.alloc(5)
  head.write(type, 0, 'latin1')
  head.writeInt32BE(4 + bytes, 1)
  return Buffer.concat([head, ...parts])
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(value)
  return bytes
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}
