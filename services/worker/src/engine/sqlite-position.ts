import type { SqlPosition } from '@db-forge/contract'

/** Where an error lies: where SQLite says so, else at the end or at the one place where the missing name stands. */
export function positionOf(
  message: string,
  byteOffset: number,
  sql: string,
): SqlPosition | undefined {
  if (byteOffset >= 0) return positionAt(Buffer.from(sql).subarray(0, byteOffset).toString())
  if (message === 'incomplete input') return positionAt(sql)
  const name = /^no such (?:table|view|index|trigger): (?:\w+\.)?(.+)$/
    .exec(message)?.[1]
    ?.toLowerCase()
  if (!name) return undefined
  const text = sql.toLowerCase()
  const at = text.indexOf(name)
  return at < 0 || at !== text.lastIndexOf(name) ? undefined : positionAt(sql.slice(0, at))
}

function positionAt(before: string): SqlPosition {
  const lineStart = before.lastIndexOf('\n') + 1
  return {
    offset: before.length,
    line: before.split('\n').length,
    column: before.length - lineStart + 1,
  }
}
