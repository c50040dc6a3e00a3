/** Which kind of lane runs a statement: the writer, which may do anything, or a reader. */
export type Side = 'reader' | 'writer'

/** Where to send a statement. `known`: an answer of the engine has said so; otherwise it is a guess that may be wrong. */
export interface StatementRoute {
  readonly side: Side
  readonly known: boolean
}

const KNOWN_READER: StatementRoute = { side: 'reader', known: true }
const KNOWN_WRITER: StatementRoute = { side: 'writer', known: true }
const GUESS_READER: StatementRoute = { side: 'reader', known: false }
const GUESS_WRITER: StatementRoute = { side: 'writer', known: false }

/** Longer texts are seldom repeated, and would fill the memory. */
const TEXT_LENGTH_MAX = 4096
const GENERATION_TEXTS = 512
const GENERATION_CHARACTERS = 256 * 1024
const WORDS_MAX = 64
const WORD_LENGTH_MAX = 16
const SCORE_MAX = 4

/**
 * What the engine's answers have taught about statements: nothing is read out of the SQL itself but its first word, and
 * that only to guess well. Texts are kept in two generations, so that what is used stays and what is not goes.
 */
export class StatementRoutes {
  #young = new Map<string, StatementRoute>()
  #old = new Map<string, StatementRoute>()
  #youngCharacters = 0
  /** By first word: above 0 it has lately been writing, below reading. */
  readonly #words = new Map<string, number>()

  find(sql: string): StatementRoute {
    const young = this.#young.get(sql)
    if (young) return young
    const old = this.#old.get(sql)
    if (old) {
      this.#keep(sql, old)
      return old
    }
    return (this.#words.get(firstWord(sql)) ?? 0) > 0 ? GUESS_WRITER : GUESS_READER
  }

  /** The engine has run this text on that side, or has said that it belongs there. */
  learn(sql: string, side: Side): void {
    this.#score(firstWord(sql), side)
    if (sql.length <= TEXT_LENGTH_MAX)
      this.#keep(sql, side === 'writer' ? KNOWN_WRITER : KNOWN_READER)
  }

  #keep(sql: string, route: StatementRoute): void {
    if (!this.#young.has(sql)) this.#youngCharacters += sql.length
    this.#young.set(sql, route)
    if (this.#young.size < GENERATION_TEXTS && this.#youngCharacters < GENERATION_CHARACTERS) return
    this.#old = this.#young
    this.#young = new Map()
    this.#youngCharacters = 0
  }

  #score(word: string, side: Side): void {
    if (!this.#words.has(word) && this.#words.size >= WORDS_MAX) this.#words.clear()
    const score = (this.#words.get(word) ?? 0) + (side === 'writer' ? 1 : -1)
    this.#words.set(word, Math.max(-SCORE_MAX, Math.min(SCORE_MAX, score)))
  }
}

const SPACE_AND_COMMENTS = /^(?:[\s;(]+|--[^\n]*(?:\n|$)|\/\*[\s\S]*?(?:\*\/|$))*/
const HEAD_LENGTH = 1024

/** In lower case; empty if the text does not begin with a word. */
export function firstWord(sql: string): string {
  const head = sql.slice(0, HEAD_LENGTH).replace(SPACE_AND_COMMENTS, '')
  return (/^[a-z]+/i.exec(head)?.[0] ?? '').slice(0, WORD_LENGTH_MAX).toLowerCase()
}
