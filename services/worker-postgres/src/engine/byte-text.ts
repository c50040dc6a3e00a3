/** Small enough for Node to cut it from a larger piece. */
const FIRST_BYTES = 2 * 1024
/** Memory beyond this is not kept for the next answer. */
const KEPT_BYTES = 256 * 1024
/** Shorter copies are faster byte by byte. */
const SHORT_BYTES = 48

const QUOTE = 0x22
const BACKSLASH = 0x5c

/** Text that grows, as UTF-8 bytes. */
export class ByteText {
  bytes = Buffer.allocUnsafe(FIRST_BYTES)
  length = 0

  /** Makes sure that so many more fit. */
  reserve(more: number): void {
    if (this.length + more <= this.bytes.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, this.length + more))
    this.bytes.copy(grown, 0, 0, this.length)
    this.bytes = grown
  }

  byte(value: number): void {
    this.reserve(1)
    this.bytes[this.length++] = value
  }

  /** Adds what has no characters beyond ASCII. */
  ascii(text: string): void {
    this.reserve(text.length)
    this.length += this.bytes.write(text, this.length, 'latin1')
  }

  utf8(text: string): void {
    this.reserve(text.length * 3)
    this.length += this.bytes.write(text, this.length)
  }

  copy(source: Buffer, start: number, end: number): void {
    this.reserve(end - start)
    const { bytes } = this
    if (end - start > SHORT_BYTES) {
      source.copy(bytes, this.length, start, end)
      this.length += end - start
      return
    }
    let to = this.length
    for (let at = start; at < end; at += 1) bytes[to++] = source[at] as number
    this.length = to
  }

  /** Adds UTF-8 as a JSON string. */
  jsonString(source: Buffer, start: number, end: number): void {
    this.reserve((end - start) * 6 + 2)
    const { bytes } = this
    let to = this.length
    bytes[to++] = QUOTE
    for (let at = start; at < end; at += 1) {
      const byte = source[at] as number
      if (byte >= 0x20 && byte !== QUOTE && byte !== BACKSLASH) bytes[to++] = byte
      else to = escaped(bytes, to, byte)
    }
    bytes[to++] = QUOTE
    this.length = to
  }

  /** The text so far, on its own memory; what comes next starts anew. */
  take(): Buffer {
    const taken = Buffer.from(this.bytes.subarray(0, this.length))
    this.clear()
    return taken
  }

  clear(): void {
    this.length = 0
    if (this.bytes.length > KEPT_BYTES) this.bytes = Buffer.allocUnsafe(FIRST_BYTES)
  }
}

const HEX = '0123456789abcdef'

function escaped(bytes: Buffer, at: number, byte: number): number {
  let to = at
  bytes[to++] = BACKSLASH
  if (byte === QUOTE || byte === BACKSLASH) bytes[to++] = byte
  else if (byte === 0x0a) bytes[to++] = 0x6e
  else if (byte === 0x09) bytes[to++] = 0x74
  else if (byte === 0x0d) bytes[to++] = 0x72
  else {
    for (const code of ['u', '0', '0', HEX[byte >> 4], HEX[byte & 15]])
      bytes[to++] = (code ?? '0').charCodeAt(0)
  }
  return to
}
