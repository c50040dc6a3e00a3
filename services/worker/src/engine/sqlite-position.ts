import type { SqlPosition } from '@db-forge/contract'

/** Where SQLite says that an error lies, given in bytes of the text's UTF-8. */
export function positionAt(sql: string, byteOffset: number): SqlPosition {
  const before = Buffer.from(sql).subarray(0, byteOffset).toString()
  const lineStart = before.lastIndexOf('\n') + 1
  return {
    offset: before.length,
    line: before.split('\n').length,
    column: before.length - lineStart + 1,
  }
}
