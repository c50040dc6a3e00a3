/**
 * What may be prepared at all, decided on the text: SQLite's PRAGMAs act while they are prepared, even behind
 * EXPLAIN, and `statement.readonly` is true of ATTACH. Only one statement is ever compiled, so it is enough to
 * know how the first one begins and which names it uses. An authorizer inside SQLite shall take this over.
 */
import { denied, WorkerFailure } from '../worker-failure.ts'
import { keywordOf, nameOf, type Token, TokenReader, tokenize } from './sqlite-lexer.ts'
import { positionAt } from './sqlite-position.ts'
import { checkPragma } from './sqlite-pragmas.ts'

export interface StatementKind {
  /** The keyword that says what is done, behind EXPLAIN and WITH. */
  readonly verb: string
  readonly explain: boolean
  /** A PRAGMA that changes something. */
  readonly sets: boolean
  /** The table of an INSERT, in lower case. */
  readonly insertInto: string | null
}

const VERBS = new Set(
  'select values with insert replace update delete create drop alter reindex analyze vacuum pragma'.split(
    ' ',
  ),
)
const TRANSACTION_VERBS = new Set('begin commit end rollback savepoint release'.split(' '))
const MODULES = new Set('fts5 fts5vocab rtree rtree_i32 geopoly'.split(' '))
const FUNCTIONS_DENIED = new Set('load_extension fts3_tokenizer'.split(' '))

/** @throws WorkerFailure for what may not be prepared. */
export function guard(sql: string): StatementKind {
  if (sql.includes('\0')) throw denied('SQL text may not contain NUL; bind it as a parameter')
  const tokens = new TokenReader(sql)
  while (tokens.now?.text === ';') tokens.next()
  if (!tokens.now) throw new WorkerFailure('sql.error', 'there is no statement in the text')
  const explain = tokens.take('explain')
  if (explain && tokens.take('query')) tokens.take('plan')
  const first = tokens.now
  const firstVerb = keywordOf(first)
  if (!VERBS.has(firstVerb)) throw refusal(firstVerb, first, sql)
  tokens.next()
  if (firstVerb === 'create') checkModule(tokens)
  if (firstVerb === 'vacuum') checkVacuum(tokens)
  const sets = firstVerb === 'pragma' && checkPragma(tokens, explain)
  checkNames(sql)
  const verb = firstVerb === 'with' ? verbBehindCtes(tokens) : firstVerb
  return { verb, explain, sets, insertInto: isInsert(verb) ? insertTarget(tokens) : null }
}

export const isInsert = (verb: string) => verb === 'insert' || verb === 'replace'

function refusal(verb: string, token: Token | undefined, sql: string): WorkerFailure {
  if (TRANSACTION_VERBS.has(verb))
    return denied(
      `${verb.toUpperCase()} is not allowed here: use batch, which runs its statements in one transaction`,
    )
  if (verb === 'attach' || verb === 'detach') return denied(`${verb.toUpperCase()} is not allowed`)
  if (!token) return new WorkerFailure('sql.error', 'incomplete input', { sqlCode: 'SQLITE_ERROR' })
  return new WorkerFailure('sql.error', `near "${token.text.slice(0, 100)}": syntax error`, {
    sqlCode: 'SQLITE_ERROR',
    position: positionAt(sql, token.offset),
  })
}

function checkModule(tokens: TokenReader): void {
  if (!tokens.take('virtual')) return
  while (tokens.now && !tokens.take('using')) tokens.next()
  const module = nameOf(tokens.now)
  if (tokens.now && !MODULES.has(module))
    throw denied(`virtual tables may use ${[...MODULES].join(', ')}, not ${module.slice(0, 100)}`)
}

function checkVacuum(tokens: TokenReader): void {
  if (tokens.now && tokens.now.text !== ';' && keywordOf(tokens.now) !== 'into') tokens.next()
  if (tokens.now && tokens.now.text !== ';') throw denied('VACUUM INTO is not allowed')
}

const SUSPECT = /pragma_|load_extension|fts3_tokenizer/i

function checkNames(sql: string): void {
  if (!SUSPECT.test(sql)) return
  let previous: Token | undefined
  for (const token of tokenize(sql)) {
    if (token.text === '(' && FUNCTIONS_DENIED.has(nameOf(previous)))
      throw denied(`the function ${nameOf(previous)} is not allowed`)
    if (namesTable(token, previous)) checkTableFunction(nameOf(token))
    previous = token
  }
}

/** A string stands for a table only where one can stand; elsewhere it is data. */
function namesTable(token: Token, previous: Token | undefined): boolean {
  if (token.kind === 'word' || token.kind === 'quoted') return true
  if (token.kind !== 'string') return false
  return ['from', 'join', ',', '(', '.'].includes(nameOf(previous))
}

function checkTableFunction(name: string): void {
  if (!name.startsWith('pragma_')) return
  checkPragma(new TokenReader(name.slice('pragma_'.length)), false)
}

function verbBehindCtes(tokens: TokenReader): string {
  let depth = 0
  while (tokens.now) {
    const { text } = tokens.now
    tokens.next()
    if (text === '(') depth += 1
    if (text !== ')') continue
    depth -= 1
    const behind = keywordOf(tokens.now)
    if (depth > 0 || behind === 'as' || tokens.now?.text === ',') continue
    tokens.next()
    return behind
  }
  return 'with'
}

/** Behind INSERT or REPLACE: [OR x] INTO [schema.]table. */
function insertTarget(tokens: TokenReader): string | null {
  if (tokens.take('or')) tokens.next()
  if (!tokens.take('into')) return null
  const name = nameOf(tokens.next())
  if (tokens.now?.text !== '.') return name
  tokens.next()
  return nameOf(tokens.now)
}
