'use client'

import {
  autocompletion,
  closeBrackets,
  closeBracketsKeymap,
  closeCompletion,
  completionKeymap,
} from '@codemirror/autocomplete'
import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands'
import { type SQLNamespace, sql } from '@codemirror/lang-sql'
import { bracketMatching, HighlightStyle, syntaxHighlighting } from '@codemirror/language'
import { setDiagnostics } from '@codemirror/lint'
import { Compartment, EditorState, Prec } from '@codemirror/state'
import { drawSelection, EditorView, keymap, lineNumbers, placeholder } from '@codemirror/view'
import type { EngineName } from '@db-forge/contract'
import { tags } from '@lezer/highlight'
import { useEffect, useRef } from 'react'
import { dialects } from '@/lib/sql-dialect'
import { type Statement, splitStatements, statementAt } from '@/lib/sql-statements'
import { currentStatement } from './current-statement'
import { searchOnDemand } from './search-on-demand'

export interface SqlEditorHandle {
  /** The selection's statements, or the one at the cursor. */
  readonly wanted: () => readonly Statement[]
  readonly all: () => readonly Statement[]
  /** Underlines the word at `offset` of a statement, if the statement still stands where it was. */
  readonly mark: (statement: Statement, offset: number, message: string) => void
  /** Takes away what hangs over the text: marks, and the list of completions. */
  readonly clear: () => void
  readonly insert: (text: string) => void
  readonly append: (text: string) => void
}

interface SqlEditorProps {
  readonly initialText: string
  readonly engine: EngineName
  readonly schema: SQLNamespace
  readonly onChange: (text: string) => void
  readonly onRun: () => void
  readonly onRunAll: () => void
  readonly onCancel: () => void
  readonly onReady: (editor: SqlEditorHandle | null) => void
}

export function SqlEditor(props: SqlEditorProps) {
  const { initialText, engine, schema, onReady } = props
  const host = useRef<HTMLDivElement>(null)
  const view = useRef<EditorView | null>(null)
  const language = useRef(new Compartment())
  const latest = useRef(props)
  latest.current = props

  // biome-ignore lint/correctness/useExhaustiveDependencies: the editor is made once and owns its text
  useEffect(() => {
    if (!host.current) return
    const editor = new EditorView({
      parent: host.current,
      state: EditorState.create({
        doc: initialText,
        extensions: [
          Prec.high(
            keymap.of([
              { key: 'Mod-Enter', run: handled(() => latest.current.onRun()) },
              { key: 'Shift-Mod-Enter', run: handled(() => latest.current.onRunAll()) },
              { key: 'Mod-.', run: handled(() => latest.current.onCancel()) },
            ]),
          ),
          extensions,
          currentStatement(engine),
          language.current.of(languageOf(props)),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) latest.current.onChange(update.state.doc.toString())
          }),
        ],
      }),
    })
    view.current = editor
    onReady(handleOf(editor, engine))
    editor.focus()
    return () => {
      onReady(null)
      editor.destroy()
    }
  }, [])

  useEffect(() => {
    view.current?.dispatch({
      effects: language.current.reconfigure(languageOf({ engine, schema })),
    })
  }, [engine, schema])

  return <div ref={host} className="min-h-0 flex-1 overflow-hidden" />
}

/** Completion of names written without a schema looks into the usual one. */
const languageOf = ({ engine, schema }: Pick<SqlEditorProps, 'engine' | 'schema'>) =>
  sql({
    dialect: dialects[engine],
    schema,
    ...(engine === 'postgres' ? { defaultSchema: 'public' } : {}),
  })

/** A command that leaves nothing for other keymaps. */
const handled = (act: () => void) => () => {
  act()
  return true
}

function handleOf(view: EditorView, engine: EngineName): SqlEditorHandle {
  const text = () => view.state.doc.toString()
  return {
    wanted: () => {
      const { from, to, empty } = view.state.selection.main
      if (!empty)
        return splitStatements(view.state.sliceDoc(from, to), engine).map((part) => ({
          ...part,
          from: part.from + from,
          to: part.to + from,
        }))
      const statement = statementAt(splitStatements(text(), engine), from)
      return statement ? [statement] : []
    },
    all: () => splitStatements(text(), engine),
    mark: (statement, offset, message) => {
      if (view.state.sliceDoc(statement.from, statement.to) !== statement.text) return
      const from = Math.min(statement.from + offset, statement.to)
      const to = view.state.wordAt(from)?.to ?? Math.min(from + 1, statement.to)
      view.dispatch(setDiagnostics(view.state, [{ from, to, severity: 'error', message }]))
    },
    clear: () => {
      closeCompletion(view)
      view.dispatch(setDiagnostics(view.state, []))
    },
    insert: (added) => {
      view.dispatch(view.state.replaceSelection(added))
      view.focus()
    },
    append: (added) => {
      const end = view.state.doc.length
      const insert = end === 0 ? added : `${text().endsWith('\n') ? '' : '\n'}\n${added}`
      view.dispatch({
        changes: { from: end, insert },
        selection: { anchor: end + insert.length },
        scrollIntoView: true,
      })
      view.focus()
    },
  }
}

const highlighting = HighlightStyle.define([
  { tag: tags.keyword, color: 'var(--sql-keyword)' },
  { tag: [tags.string, tags.special(tags.string)], color: 'var(--sql-string)' },
  { tag: [tags.number, tags.bool, tags.null], color: 'var(--sql-number)' },
  { tag: [tags.typeName, tags.standard(tags.name)], color: 'var(--sql-type)' },
  { tag: [tags.lineComment, tags.blockComment], color: 'var(--sql-comment)', fontStyle: 'italic' },
])

const look = EditorView.theme({
  '&': { height: '100%', fontSize: '13px' },
  '&.cm-focused': { outline: '1px solid var(--ring)', outlineOffset: '-1px' },
  '.cm-scroller': { fontFamily: 'var(--font-mono)', lineHeight: '20px' },
  '.cm-content': { padding: '8px 0', caretColor: 'var(--foreground)' },
  '.cm-line': { padding: '0 12px 0 10px' },
  '.cm-cursor': { borderLeftColor: 'var(--foreground)', borderLeftWidth: '2px' },
  '.cm-gutters': {
    background: 'transparent',
    color: 'var(--muted-foreground)',
    border: 'none',
    paddingLeft: '8px',
  },
  '.cm-placeholder': { color: 'var(--muted-foreground)' },
  '.cm-currentStatement': { boxShadow: 'inset 2px 0 0 var(--primary)' },
  '&.cm-focused .cm-selectionBackground, .cm-selectionBackground': {
    background: 'var(--selection) !important',
  },
  '.cm-searchMatch': { background: 'var(--selection)' },
  '&.cm-focused .cm-matchingBracket': {
    background: 'var(--accent)',
    outline: '1px solid var(--input)',
  },
  '.cm-lintRange-error': {
    backgroundImage: 'none',
    textDecoration: 'underline wavy var(--destructive)',
    textUnderlineOffset: '3px',
  },
  '.cm-tooltip': {
    background: 'var(--popover)',
    border: '1px solid var(--border)',
    borderRadius: '6px',
    boxShadow: 'var(--shadow)',
  },
  '.cm-tooltip.cm-tooltip-autocomplete > ul': {
    fontFamily: 'var(--font-mono)',
    fontSize: '12px',
    maxHeight: 'none',
    overflow: 'hidden',
  },
  '.cm-tooltip-autocomplete > ul > li': { padding: '3px 8px !important' },
  '.cm-tooltip-autocomplete > ul > li[aria-selected]': {
    background: 'var(--accent)',
    color: 'var(--foreground)',
  },
  '.cm-diagnostic': { padding: '4px 8px', fontFamily: 'var(--font-mono)', fontSize: '12px' },
  '.cm-panels': {
    background: 'var(--muted)',
    color: 'var(--foreground)',
    borderColor: 'var(--border)',
  },
  '.cm-panel.cm-search .cm-button, .cm-panel.cm-search .cm-textfield': {
    background: 'var(--card)',
    border: '1px solid var(--input)',
    borderRadius: '4px',
    padding: '3px 8px',
  },
  '.cm-panel.cm-search label': {
    fontSize: '12px',
    display: 'inline-flex',
    alignItems: 'center',
    minHeight: '24px',
  },
  '.cm-panel.cm-search [name=close]': { width: '24px', height: '24px', fontSize: '16px' },
  '.cm-panel.cm-search input, .cm-panel.cm-search button': {
    fontFamily: 'var(--font-sans)',
    fontSize: '12px',
  },
})

const extensions = [
  lineNumbers(),
  history(),
  drawSelection(),
  bracketMatching(),
  closeBrackets(),
  // A short list that needs no scrolling: the keys move through all there is.
  autocompletion({ icons: false, maxRenderedOptions: 12 }),
  searchOnDemand,
  syntaxHighlighting(highlighting),
  placeholder('select …'),
  look,
  EditorView.lineWrapping,
  EditorView.contentAttributes.of({
    'aria-label': 'SQL editor',
    'aria-describedby': 'sql-editor-help',
  }),
  keymap.of([
    ...closeBracketsKeymap,
    ...completionKeymap,
    ...historyKeymap,
    ...defaultKeymap,
    indentWithTab,
  ]),
]
