import type { SqlPosition } from '@db-forge/contract'
import { nameOf, type Token, tokenize } from './sqlite-lexer.ts'

export function positionAt(sql: string, offset: number): SqlPosition {
  const before = sql.slice(0, offset)
  const lineStart = before.lastIndexOf('\n') + 1
  return { offset, line: before.split('\n').length, column: offset - lineStart + 1 }
}

/** The message that SQLite has for a text, if it refuses it. */
export type Complain = (sql: string) => string | undefined

/** Where the error lies, if that can be known for certain. */
export function positionOf(
  message: string,
  sql: string,
  complain: Complain,
): SqlPosition | undefined {
  if (message === 'incomplete input') return positionAt(sql, sql.length)
  const token = /^(?:near|unrecognized token:) "([\s\S]+)"(?:: syntax error)?$/.exec(message)?.[1]
  const name = /^no such (?:table|column|function): ([\s\S]+)$/.exec(message)?.[1]
  const offset = token
    ? offsetOfToken(token, message, sql, complain)
    : name && onlyOne(offsetsOfName(sql, name.split('.').at(-1)?.toLowerCase() ?? ''))
  return typeof offset === 'number' ? positionAt(sql, offset) : undefined
}

/** Of several equal tokens it is the first up to which the text draws the same complaint. */
function offsetOfToken(
  text: string,
  message: string,
  sql: string,
  complain: Complain,
): number | undefined {
  const offsets = offsetsWhere(sql, (token) => token.text === text)
  let low = 0
  for (let high = offsets.length - 1; low < high; ) {
    const middle = (low + high) >> 1
    const end = (offsets[middle] as number) + text.length
    if (complain(sql.slice(0, end)) === message) high = middle
    else low = middle + 1
  }
  return offsets[low]
}

function offsetsOfName(sql: string, name: string): number[] {
  return offsetsWhere(sql, (token) => token.kind !== 'string' && nameOf(token) === name)
}

function offsetsWhere(sql: string, wanted: (token: Token) => boolean): number[] {
  const offsets: number[] = []
  for (const token of tokenize(sql)) if (wanted(token)) offsets.push(token.offset)
  return offsets
}

const onlyOne = (offsets: readonly number[]) => (offsets.length === 1 ? offsets[0] : undefined)
