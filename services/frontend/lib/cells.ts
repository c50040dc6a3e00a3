import { type ColumnType, decodeValue, fromBase64, type JsonValue } from '@db-forge/contract'
import { formatBytes } from './format'

export interface Cell {
  readonly kind: 'null' | 'number' | 'boolean' | 'text' | 'json' | 'blob'
  /** One short line. */
  readonly text: string
}

const SHOWN_CHARS = 300
const SHOWN_BYTES = 12

/** A cell as the grid shows it. */
export function describeCell(value: JsonValue, type: ColumnType): Cell {
  const base64 = base64Of(value, type)
  if (base64 !== null) return { kind: 'blob', text: describeBlob(base64) }
  const decoded = decodeValue(value, type)
  if (decoded === null) return { kind: 'null', text: 'NULL' }
  if (typeof decoded === 'boolean') return { kind: 'boolean', text: String(decoded) }
  if (typeof decoded !== 'string' || type === 'numeric')
    return { kind: 'number', text: String(decoded) }
  return {
    kind: type === 'json' ? 'json' : 'text',
    text: onOneLine(decoded.slice(0, SHOWN_CHARS)) + (decoded.length > SHOWN_CHARS ? '…' : ''),
  }
}

/** A cell whole, for the clipboard and for reading: text as it is, blobs in hexadecimal, NULL as nothing. */
export function wholeCell(value: JsonValue, type: ColumnType): string {
  const base64 = base64Of(value, type)
  if (base64 !== null) return hexadecimal(fromBase64(base64), '')
  return String(decodeValue(value, type) ?? '')
}

/** Whether a column's cells are compared by their last digits. */
export const isNumeric = (type: ColumnType) =>
  type === 'integer' || type === 'real' || type === 'numeric'

function base64Of(value: JsonValue, type: ColumnType): string | null {
  if (typeof value === 'string') return type === 'blob' ? value : null
  return value !== null && typeof value === 'object' && '$blob' in value ? value.$blob : null
}

/** Its size and first bytes; the rest is not even decoded. */
function describeBlob(base64: string): string {
  const size = (base64.length / 4) * 3 - (base64.endsWith('==') ? 2 : base64.endsWith('=') ? 1 : 0)
  const first = fromBase64(base64.slice(0, (SHOWN_BYTES / 3) * 4))
  return [formatBytes(size), hexadecimal(first, ' ') + (size > first.length ? '…' : '')]
    .filter(Boolean)
    .join('  ')
}

const hexadecimal = (bytes: Uint8Array, between: string) =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(between)

/** Line breaks and other control characters by the signs that stand for them. */
const onOneLine = (text: string) =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones to show
  text.replace(/\r\n|[\u0000-\u001f\u007f]/g, (char) =>
    char === '\u007f'
      ? '␡'
      : /[\r\n]/.test(char)
        ? '↵'
        : String.fromCharCode(0x2400 + char.charCodeAt(0)),
  )
