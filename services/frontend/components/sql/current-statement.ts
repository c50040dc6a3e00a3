import { syntaxTree } from '@codemirror/language'
import type { EditorState } from '@codemirror/state'
import {
  Decoration,
  type DecorationSet,
  type EditorView,
  ViewPlugin,
  type ViewUpdate,
} from '@codemirror/view'
import type { EngineName } from '@db-forge/contract'
import { type Statement, splitStatements, statementAt } from '@/lib/sql-statements'

/** Beyond this, finding the statement at each move of the cursor would be felt. */
const CHARS_MAX = 100_000
const line = Decoration.line({ class: 'cm-currentStatement' })

/** A mark beside the lines of the statement that would run. */
export const currentStatement = (engine: EngineName) =>
  ViewPlugin.fromClass(
    class {
      decorations: DecorationSet
      private statements: readonly Statement[]

      constructor(view: EditorView) {
        this.statements = statementsOf(view.state, engine)
        this.decorations = decorate(view.state, this.statements)
      }

      update(update: ViewUpdate) {
        const parsed = syntaxTree(update.startState) !== syntaxTree(update.state)
        if (update.docChanged || parsed) this.statements = statementsOf(update.state, engine)
        if (update.docChanged || parsed || update.selectionSet)
          this.decorations = decorate(update.state, this.statements)
      }
    },
    { decorations: (plugin) => plugin.decorations },
  )

const statementsOf = (state: EditorState, engine: EngineName) =>
  state.doc.length > CHARS_MAX
    ? []
    : splitStatements(state.doc.toString(), engine, syntaxTree(state))

function decorate(state: EditorState, statements: readonly Statement[]): DecorationSet {
  const { main } = state.selection
  const statement = statements.length > 1 && main.empty ? statementAt(statements, main.head) : null
  if (!statement) return Decoration.none
  const lines = []
  const last = state.doc.lineAt(Math.min(statement.to, state.doc.length)).number
  for (let number = state.doc.lineAt(statement.from).number; number <= last; number += 1)
    lines.push(line.range(state.doc.line(number).from))
  return Decoration.set(lines)
}
