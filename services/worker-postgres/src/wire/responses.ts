/** Messages from the server, read from their bytes. */

export const Message = {
  authentication: 0x52,
  parameterStatus: 0x53,
  backendKey: 0x4b,
  ready: 0x5a,
  rowDescription: 0x54,
  dataRow: 0x44,
  commandComplete: 0x43,
  emptyQuery: 0x49,
  portalSuspended: 0x73,
  error: 0x45,
  copyIn: 0x47,
  copyOut: 0x48,
  copyBoth: 0x57,
} as const

export interface Field {
  readonly name: string
  readonly typeOid: number
  readonly typeModifier: number
}

export function readFields(body: Buffer): Field[] {
  const fields: Field[] = []
  let at = 2
  for (let left = body.readUInt16BE(0); left > 0; left -= 1) {
    const end = body.indexOf(0, at)
    const name = body.toString('utf8', at, end)
    fields.push({
      name,
      typeOid: body.readUInt32BE(end + 7),
      typeModifier: body.readInt32BE(end + 13),
    })
    at = end + 19
  }
  return fields
}

/** What the server says of an error, by the letters of its fields. */
export type ErrorFields = Readonly<Record<string, string>>

export function readError(body: Buffer): ErrorFields {
  const fields: Record<string, string> = {}
  for (let at = 0; at < body.length && body[at] !== 0; ) {
    const end = body.indexOf(0, at + 1)
    fields[String.fromCharCode(body[at] ?? 0)] = body.toString('utf8', at + 1, end)
    at = end + 1
  }
  return fields
}

export const readText = (body: Buffer): string => body.toString('utf8', 0, body.indexOf(0))

/** A row of an answer in text, for the platform's own questions. */
export function readRow(body: Buffer): (string | null)[] {
  const cells: (string | null)[] = []
  let at = 2
  for (let left = body.readUInt16BE(0); left > 0; left -= 1) {
    const length = body.readInt32BE(at)
    at += 4
    cells.push(length < 0 ? null : body.toString('utf8', at, at + length))
    at += Math.max(length, 0)
  }
  return cells
}
