/**
 * Splits SQL text into tokens where SQLite itself would (tokenize.c), as far as the guard, parameters and
 * error positions need it. Text that SQLite calls illegal may come out in any shape: it is refused anyway.
 * One token at a time, and without a pattern that can backtrack: a text may have a million characters.
 */
type TokenKind =
  /** A keyword or a bare name. */
  | 'word'
  /** "…", `…` or […]. */
  | 'quoted'
  /** '…'; SQLite takes it for a name where only a name can stand. */
  | 'string'
  | 'number'
  /** ?, ?1, :a, @a, $a, #a. */
  | 'parameter'
  | 'symbol'

export interface Token {
  readonly kind: TokenKind
  /** As written. */
  readonly text: string
  readonly offset: number
}

// A vertical tab is space to SQLite only behind another space, and a byte order mark only where a token may
// begin. Here both are space wherever a token may begin, so nothing can hide behind them.
const SPACE = /[\t\n\v\f\r \uFEFF]+/y
const PATTERNS: readonly (readonly [TokenKind, RegExp])[] = [
  ['word', /[A-Za-z_\u0080-\uFFFF][\w$\u0080-\uFFFF]*/y],
  ['number', /\.?\d[\w$.\u0080-\uFFFF]*/y],
  ['parameter', /\?\d*|[:@$#][\w$\u0080-\uFFFF]+/y],
]

export function* tokenize(sql: string): Generator<Token, void> {
  let at = 0
  while (at < sql.length) {
    const start = at
    at = skipBlank(sql, at)
    if (at > start) continue
    const kind = kindAt(sql, at)
    at = kind.end
    yield { kind: kind.kind, text: sql.slice(start, at), offset: start }
  }
}

function skipBlank(sql: string, at: number): number {
  if (sql.startsWith('--', at)) return endAfter(sql, '\n', at + 2)
  if (sql.startsWith('/*', at) && at + 2 < sql.length) return endAfter(sql, '*/', at + 2)
  SPACE.lastIndex = at
  return SPACE.test(sql) ? SPACE.lastIndex : at
}

function kindAt(sql: string, at: number): { kind: TokenKind; end: number } {
  const char = sql[at] as string
  if (char === "'") return { kind: 'string', end: endOfQuoted(sql, char, at) }
  if (char === '"' || char === '`') return { kind: 'quoted', end: endOfQuoted(sql, char, at) }
  if (char === '[') return { kind: 'quoted', end: endAfter(sql, ']', at) }
  for (const [kind, pattern] of PATTERNS) {
    pattern.lastIndex = at
    if (pattern.test(sql)) return { kind, end: pattern.lastIndex }
  }
  return { kind: 'symbol', end: at + 1 }
}

/** Behind the closing quote; a doubled one does not close. */
function endOfQuoted(sql: string, quote: string, at: number): number {
  let end = endAfter(sql, quote, at + 1)
  while (sql[end] === quote) end = endAfter(sql, quote, end + 1)
  return end
}

function endAfter(sql: string, closing: string, from: number): number {
  const found = sql.indexOf(closing, from)
  return found < 0 ? sql.length : found + closing.length
}

/** What a token names, without its quotes and in lower case; a symbol names itself. */
export function nameOf(token: Token | undefined): string {
  if (!token) return ''
  const { kind, text } = token
  if (kind !== 'quoted' && kind !== 'string') return lowerAscii(text)
  const opening = text[0] as string
  const closing = opening === '[' ? ']' : opening
  const body = text.length > 1 && text.endsWith(closing) ? text.slice(1, -1) : text.slice(1)
  return lowerAscii(opening === '[' ? body : body.replaceAll(opening + opening, opening))
}

/** The keyword that a token can be: quoted ones are none. */
export function keywordOf(token: Token | undefined): string {
  return token?.kind === 'word' ? lowerAscii(token.text) : ''
}

/** SQLite folds ASCII only. */
const lowerAscii = (text: string) => text.replace(/[A-Z]+/g, (upper) => upper.toLowerCase())

/** Tokens one after another, the present one in view. */
export class TokenReader {
  readonly #tokens: Iterator<Token, void>
  now: Token | undefined
  constructor(sql: string) {
    this.#tokens = tokenize(sql)
    this.next()
  }
  next(): Token | undefined {
    const before = this.now
    this.now = this.#tokens.next().value ?? undefined
    return before
  }
  /** Steps over a keyword if it is the next token. */
  take(keyword: string): boolean {
    if (keywordOf(this.now) !== keyword) return false
    this.next()
    return true
  }
}
