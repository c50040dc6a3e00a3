import type { SqlPosition } from '@db-forge/contract'
import { nameOf, type Token, tokenize } from './sqlite-lexer.ts'

export function positionAt(sql: string, offset: number): SqlPosition {
  const before = sql.slice(0, offset)
  const lineStart = before.lastIndexOf('\n') + 1
  return { offset, line: before.split('\n').length, column: offset - lineStart + 1 }
}

/** Where the error lies, if the message names something that stands in the text exactly once. */
export function positionOf(message: string, sql: string): SqlPosition | undefined {
  if (message === 'incomplete input') return positionAt(sql, sql.length)
  const named =
    /^near "([\s\S]+)": syntax error$/.exec(message) ??
    /^unrecognized token: "([\s\S]+)"$/.exec(message)
  const missing = /^no such (?:table|column|function): ([\s\S]+)$/.exec(message)
  const text = named?.[1] ?? missing?.[1]?.split('.').at(-1)
  if (!text) return undefined
  const offsets = missing ? offsetsOfName(sql, text.toLowerCase()) : offsetsOfToken(sql, text)
  return offsets.length === 1 ? positionAt(sql, offsets[0] as number) : undefined
}

function offsetsOfName(sql: string, name: string): number[] {
  return offsetsWhere(sql, (token) => token.kind !== 'string' && nameOf(token) === name)
}

function offsetsOfToken(sql: string, text: string): number[] {
  return offsetsWhere(sql, (token) => token.text === text)
}

function offsetsWhere(sql: string, wanted: (token: Token) => boolean): number[] {
  const offsets: number[] = []
  for (const token of tokenize(sql)) if (wanted(token)) offsets.push(token.offset)
  return offsets
}
