import type { syntaxTree } from '@codemirror/language'
import type { EngineName } from '@db-forge/contract'
import { dialects } from './sql-dialect'

type Tree = ReturnType<typeof syntaxTree>

export interface Statement {
  readonly from: number
  readonly to: number
  readonly text: string
}

/** The statements of a text, each with the comments before it and its semicolon. */
export function splitStatements(
  text: string,
  engine: EngineName,
  tree: Tree = dialects[engine].language.parser.parse(text),
): Statement[] {
  const statements: Statement[] = []
  let current = newStatement()
  let lineEnd = 0 // where the comment beside the last statement would begin

  const finish = (to: number) => {
    if (current.words.length > 0)
      statements.push({ from: current.from, to, text: text.slice(current.from, to) })
    current = newStatement()
    lineEnd = to
  }

  for (const token of tokensOf(tree)) {
    if (token.name === ';') {
      if (hasBody[engine](current.words) && !endsBody(current))
        current.semiAt = current.words.length
      else finish(token.to)
      continue
    }
    const isComment = token.name.endsWith('Comment')
    // A comment on the line of the statement before it belongs to that one.
    if (
      isComment &&
      current.from < 0 &&
      statements.length > 0 &&
      !text.slice(lineEnd, token.from).includes('\n')
    )
      continue
    if (current.from < 0) current.from = token.from
    if (isComment) continue
    current.words.push(text.slice(token.from, token.to).toLowerCase())
    current.to = token.to
  }
  finish(current.to)
  return statements
}

/** The statement that a place belongs to: around it, else the one before it, else the first. */
export function statementAt(statements: readonly Statement[], place: number): Statement | null {
  const around = statements.find(({ from, to }) => from <= place && place <= to)
  return around ?? statements.findLast(({ to }) => to < place) ?? statements[0] ?? null
}

const newStatement = () => ({ from: -1, to: -1, words: [] as string[], semiAt: -1 })

/** Whether statements stand within this one: in a trigger of SQLite, in a routine of PostgreSQL that is no text. */
const hasBody: Readonly<Record<EngineName, (words: readonly string[]) => boolean>> = {
  sqlite: (words) => /^create( temp| temporary)? trigger/.test(words.slice(0, 3).join(' ')),
  postgres: (words) =>
    /^create( or replace)? (function|procedure)\b/.test(words.slice(0, 4).join(' ')) &&
    words.some((word, at) => word === 'begin' && words[at + 1] === 'atomic'),
}

/** Whether a body ends here: with an END that opens a statement, unlike that of a CASE. */
const endsBody = ({ words, semiAt }: { words: readonly string[]; semiAt: number }) =>
  words.at(-1) === 'end' && semiAt === words.length - 1

function tokensOf(tree: Tree) {
  const tokens: { readonly name: string; readonly from: number; readonly to: number }[] = []
  tree.iterate({
    enter: ({ name, type, from, to, node }) => {
      // At any depth: an open bracket must not swallow the statements after it.
      if (!type.isError && !node.firstChild && to > from && name !== 'Script')
        tokens.push({ name, from, to })
    },
  })
  return tokens
}
