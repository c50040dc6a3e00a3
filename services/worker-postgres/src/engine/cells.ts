import type { ColumnType } from '@db-forge/contract'
import type { ByteText } from './byte-text.ts'

/** Integers of fewer characters are exact as JavaScript numbers. */
const EXACT_CHARACTERS = 15
const QUOTE = 0x22
const BACKSLASH = 0x5c
const LOWER_X = 0x78
const LOWER_T = 0x74

/** Adds a cell, as the server wrote it, by the contract's rules for values in JSON. */
export function addJsonCell(
  out: ByteText,
  type: ColumnType,
  source: Buffer,
  start: number,
  end: number,
): void {
  switch (type) {
    case 'integer':
      if (end - start <= EXACT_CHARACTERS || isExact(source, start, end))
        out.copy(source, start, end)
      else addQuoted(out, source, start, end)
      return
    case 'real':
      addReal(out, source, start, end)
      return
    case 'boolean':
      out.ascii(source[start] === LOWER_T ? 'true' : 'false')
      return
    case 'numeric':
      addQuoted(out, source, start, end)
      return
    case 'blob':
      out.byte(QUOTE)
      out.ascii(readBytea(source, start, end).toString('base64'))
      out.byte(QUOTE)
      return
    default:
      out.jsonString(source, start, end)
  }
}

function isExact(source: Buffer, start: number, end: number): boolean {
  return Number.isSafeInteger(Number(source.toString('latin1', start, end)))
}

function addQuoted(out: ByteText, source: Buffer, start: number, end: number): void {
  out.byte(QUOTE)
  out.copy(source, start, end)
  out.byte(QUOTE)
}

/** The server writes the shortest text that is the same number again, which JSON takes as it is. */
function addReal(out: ByteText, source: Buffer, start: number, end: number): void {
  const last = source[end - 1] as number
  const isNumber = last >= 0x30 && last <= 0x39
  if (!isNumber) {
    out.ascii(`{"$real":"${source.toString('latin1', start, end)}"}`)
    return
  }
  out.copy(source, start, end)
  if (end - start === 2 && source.toString('latin1', start, end) === '-0') out.ascii('.0')
}

/** Bytes in either of the forms that a session may have them written in: `\x00ff` or `\000a\\`. */
export function readBytea(source: Buffer, start: number, end: number): Buffer {
  if (source[start] === BACKSLASH && source[start + 1] === LOWER_X)
    return Buffer.from(source.toString('latin1', start + 2, end), 'hex')
  const bytes: number[] = []
  for (let at = start; at < end; at += 1) {
    const byte = source[at] as number
    if (byte !== BACKSLASH) bytes.push(byte)
    else if (source[at + 1] === BACKSLASH) {
      bytes.push(BACKSLASH)
      at += 1
    } else {
      bytes.push(Number.parseInt(source.toString('latin1', at + 1, at + 4), 8))
      at += 3
    }
  }
  return Buffer.from(bytes)
}

/** A field of CSV: null is empty, empty text is quoted. */
export function addCsvCell(
  out: ByteText,
  type: ColumnType,
  source: Buffer,
  start: number,
  end: number,
): void {
  if (type === 'blob') out.ascii(readBytea(source, start, end).toString('base64'))
  else if (type === 'boolean') out.ascii(source[start] === LOWER_T ? 'true' : 'false')
  else if (needsQuotes(source, start, end)) addCsvQuoted(out, source, start, end)
  else out.copy(source, start, end)
}

function needsQuotes(source: Buffer, start: number, end: number): boolean {
  if (start === end) return true
  for (let at = start; at < end; at += 1) {
    const byte = source[at] as number
    if (byte === QUOTE || byte === 0x2c || byte === 0x0a || byte === 0x0d) return true
  }
  return false
}

export function addCsvQuoted(out: ByteText, source: Buffer, start: number, end: number): void {
  out.reserve((end - start) * 2 + 2)
  out.byte(QUOTE)
  for (let at = start; at < end; at += 1) {
    const byte = source[at] as number
    if (byte === QUOTE) out.byte(QUOTE)
    out.byte(byte)
  }
  out.byte(QUOTE)
}
