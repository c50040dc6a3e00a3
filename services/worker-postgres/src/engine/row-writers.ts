import type { RowFormat } from '@db-forge/contract'
import type { ByteText } from './byte-text.ts'
import { addCsvCell, addCsvQuoted, addJsonCell } from './cells.ts'
import type { Columns } from './columns.ts'

/** Adds a row, as the server sent it (its DataRow), to a text. */
export type RowWriter = (row: Buffer, out: ByteText) => void

const writers = {
  object: new WeakMap<Columns, RowWriter>(),
  array: new WeakMap<Columns, RowWriter>(),
}

export function jsonRows(columns: Columns, format: RowFormat): RowWriter {
  const known = writers[format].get(columns)
  if (known) return known
  const writer = jsonWriter(columns, format)
  writers[format].set(columns, writer)
  return writer
}

function jsonWriter({ types, keys }: Columns, format: RowFormat): RowWriter {
  const heads = keys.map((key, at) => {
    const opening = at === 0 ? '' : ','
    return Buffer.from(format === 'array' ? opening : `${opening}${JSON.stringify(key)}:`)
  })
  const [open, close] = format === 'array' ? [0x5b, 0x5d] : [0x7b, 0x7d]
  return (row, out) => {
    out.byte(open)
    let at = 2
    for (let column = 0; column < types.length; column += 1) {
      const head = heads[column] as Buffer
      const length = row.readInt32BE(at)
      at += 4
      out.copy(head, 0, head.length)
      if (length < 0) out.ascii('null')
      else {
        addJsonCell(out, types[column] ?? 'text', row, at, at + length)
        at += length
      }
    }
    out.byte(close)
  }
}

/** RFC 4180. */
export function csvRows({ types }: Columns): RowWriter {
  return (row, out) => {
    let at = 2
    for (let column = 0; column < types.length; column += 1) {
      if (column > 0) out.byte(0x2c)
      const length = row.readInt32BE(at)
      at += 4
      if (length < 0) continue
      addCsvCell(out, types[column] ?? 'text', row, at, at + length)
      at += length
    }
    out.ascii('\r\n')
  }
}

export function csvHead({ fields }: Columns, out: ByteText): void {
  for (const [at, { name }] of fields.entries()) {
    if (at > 0) out.byte(0x2c)
    const bytes = Buffer.from(name)
    if (/^$|[",\r\n]/.test(name)) addCsvQuoted(out, bytes, 0, bytes.length)
    else out.copy(bytes, 0, bytes.length)
  }
  out.ascii('\r\n')
}
