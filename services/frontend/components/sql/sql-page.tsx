'use client'

import { type Database, databaseCan } from '@db-forge/contract'
import dynamic from 'next/dynamic'
import { useMemo, useState } from 'react'
import { useThisDatabase } from '@/components/databases/database-frame'
import { NeedsRunning } from '@/components/databases/needs-running'
import { useSchema } from '@/components/tables/use-schema'
import { failureOf } from '@/lib/api'
import { keepDraft, readDraft } from '@/lib/draft'
import { completionNames } from '@/lib/schema-groups'
import type { Statement } from '@/lib/sql-statements'
import { ResultPanel } from './result-panel'
import { EditorHelp, RunBar } from './run-bar'
import { SchemaTree } from './schema-tree'
import { useSplit } from './splitter'
import type { SqlEditorHandle } from './sql-editor'
import { StarterQueries } from './starter-queries'
import { type RunOptions, useSqlRun } from './use-sql-run'

const SqlEditor = dynamic(() => import('./sql-editor').then((module) => module.SqlEditor), {
  ssr: false,
  loading: () => <p className="p-3 text-muted-foreground">Loading the editor…</p>,
})

const startOptions: RunOptions = { maxRows: 1000, timeoutMs: null, readOnly: false }

export function SqlPage() {
  const database = useThisDatabase()
  const { data: schema } = useSchema(database, { counts: false })
  const [editor, setEditor] = useState<SqlEditorHandle | null>(null)
  const [options, setOptions] = useState(startOptions)
  const { outcomes, running, start, cancel } = useConsole(database, editor, options)
  const names = useMemo(() => completionNames(schema, database.engine), [schema, database.engine])
  const split = useSplit()
  const draft = `sql:${database.id}`
  return (
    <main id="content" className="flex flex-col md:h-[calc(100dvh-5.3125rem)]">
      <h1 className="sr-only">SQL console of {database.name}</h1>
      <NeedsRunning database={database} className="border-b" />
      <div className="flex min-h-0 flex-1">
        <SchemaTree
          engine={database.engine}
          schema={schema}
          onPick={(text) => editor?.insert(text)}
          className="w-56 shrink-0 border-r max-lg:hidden"
        />
        <div ref={split.box} className="flex min-w-0 flex-1 flex-col">
          <div style={{ height: split.px }} className="flex shrink-0 flex-col bg-card">
            <SqlEditor
              initialText={readDraft(draft)}
              engine={database.engine}
              schema={names}
              onChange={(text) => keepDraft(draft, text)}
              onRun={() => start(editor?.wanted())}
              onRunAll={() => start(editor?.all())}
              onCancel={cancel}
              onReady={setEditor}
            />
            <EditorHelp />
          </div>
          {split.handle}
          <RunBar
            options={options}
            ownTimeoutMs={database.limits.queryTimeoutMs}
            onOptions={setOptions}
            running={running}
            blocked={!databaseCan('query', database)}
            onRun={() => start(editor?.wanted())}
            onRunAll={() => start(editor?.all())}
            onCancel={cancel}
          />
          {outcomes.length > 0 ? (
            <ResultPanel
              database={database.name}
              outcomes={outcomes}
              stale={running !== null && running.place === 1}
            />
          ) : (
            <StarterQueries
              engine={database.engine}
              schema={schema}
              onPick={(sql) => editor?.append(sql)}
            />
          )}
        </div>
      </div>
    </main>
  )
}

function useConsole(database: Database, editor: SqlEditorHandle | null, options: RunOptions) {
  const { run, ...state } = useSqlRun(database.name)

  const runAndMark = async (statements: readonly Statement[]) => {
    editor?.clear()
    const last = (await run(statements, options)).at(-1)
    if (last?.status !== 'failed') return
    const { position, title, detail } = failureOf(last.error)
    if (position) editor?.mark(last.statement, position.offset, detail ?? title)
  }

  const start = (statements: readonly Statement[] | undefined) => {
    if (statements && databaseCan('query', database)) void runAndMark(statements)
  }
  return { ...state, start }
}
