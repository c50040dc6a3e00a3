import { WorkerFailure } from '@db-forge/worker-kit'

/** The first word of a statement, in lower case, comments passed over. It decides no right, only how an error reads. */
export function firstWord(sql: string): string {
  const space = /(?:\s|;|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)*/y
  space.exec(sql)
  const word = /[a-z]+/iy
  word.lastIndex = space.lastIndex
  return word.exec(sql)?.[0].toLowerCase() ?? ''
}

const TRANSACTION_WORDS = new Set([
  'begin',
  'start',
  'commit',
  'end',
  'abort',
  'rollback',
  'prepare',
])
const SAVEPOINT_WORDS = new Set(['savepoint', 'release', 'rollback'])

export const isSavepointCommand = (word: string): boolean => SAVEPOINT_WORDS.has(word)

const READING_WORDS = new Set(['select', 'values', 'table', 'show', 'explain', 'fetch'])
const CHANGES = /\b(?:insert|update|delete|merge)\b/i

/** How many rows to ask for: of what changes something all of them, since only at its end does it say how much. */
export function rowsToAsk(sql: string, rowsMax: number): number {
  const word = firstWord(sql)
  const reads = READING_WORDS.has(word) || (word === 'with' && !CHANGES.test(sql))
  return reads ? rowsMax + 1 : 0
}

/** @throws WorkerFailure for what a request of its own cannot do. */
export function refuseUnfit(sql: string, inTransaction: boolean): string {
  if (sql.includes('\0'))
    throw new WorkerFailure('sql.error', 'the statement has a character U+0000')
  const word = firstWord(sql)
  if (word === 'copy')
    throw new WorkerFailure(
      'sql.denied',
      'COPY needs a PostgreSQL connection: ask for a stream to read much, for a batch to write much',
    )
  if (TRANSACTION_WORDS.has(word) && endsTransaction(word, sql, inTransaction))
    throw new WorkerFailure(
      'sql.denied',
      'transactions are begun and ended by requests of their own, and a batch is one',
    )
  return word
}

function endsTransaction(word: string, sql: string, inTransaction: boolean): boolean {
  if (word === 'prepare') return /prepare\s+transaction\b/i.test(sql)
  if (word !== 'rollback' || !inTransaction) return true
  return !/rollback\s+(?:(?:work|transaction)\s+)?to\b/i.test(sql)
}
