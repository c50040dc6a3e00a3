'use client'

import type { QueryResult } from '@db-forge/contract'
import { Check, CircleStop, TriangleAlert } from 'lucide-react'
import { useState } from 'react'
import { ResultGrid } from '@/components/data-grid/result-grid'
import { FailureNotice } from '@/components/failure-notice'
import { Tabs, TabsContent, TabsList, TabsTrigger } from '@/components/ui/tabs'
import { failureOf } from '@/lib/api'
import { cn } from '@/lib/cn'
import { formatCountOf, formatMilliseconds } from '@/lib/format'
import { rowsOf } from '@/lib/result-rows'
import { ExportButtons } from './export-buttons'
import type { Outcome } from './use-sql-run'

interface ResultPanelProps {
  readonly database: string
  readonly outcomes: readonly Outcome[]
  /** Something newer is under way. */
  readonly stale: boolean
}

/** How each statement of the last run ended. */
export function ResultPanel({ database, outcomes, stale }: ResultPanelProps) {
  const last = outcomes.length - 1
  const [picked, setPicked] = useState({ of: outcomes, tab: last })
  // A new outcome comes to the front.
  const tab = picked.of === outcomes ? picked.tab : last
  const outcome = outcomes[tab]
  return (
    <section
      aria-label="Results"
      className={cn('flex min-h-0 flex-1 flex-col max-md:min-h-96', stale && 'opacity-60')}
    >
      <p role="status" className="sr-only">
        {outcome ? `Result: ${summaryOf(outcome)}` : ''}
      </p>
      {outcomes.length > 1 ? (
        <Tabs
          value={String(tab)}
          onValueChange={(value) => setPicked({ of: outcomes, tab: Number(value) })}
          className="flex min-h-0 flex-1 flex-col"
        >
          <TabsList aria-label="Statements">
            {outcomes.map((one, place) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: statements have no identity but their place
              <TabsTrigger key={place} value={String(place)}>
                <OutcomeIcon outcome={one} />
                <span className="max-w-48 truncate font-mono">{labelOf(one)}</span>
              </TabsTrigger>
            ))}
          </TabsList>
          <TabsContent value={String(tab)} tabIndex={-1} className="flex min-h-0 flex-1 flex-col">
            {outcome ? <OutcomeView key={tab} database={database} outcome={outcome} /> : null}
          </TabsContent>
        </Tabs>
      ) : outcome ? (
        <OutcomeView database={database} outcome={outcome} />
      ) : null}
    </section>
  )
}

function OutcomeIcon({ outcome: { status } }: { readonly outcome: Outcome }) {
  if (status === 'done') return <Check aria-label="Succeeded" className="text-success" />
  if (status === 'failed') return <TriangleAlert aria-label="Failed" className="text-destructive" />
  return <CircleStop aria-label="Cancelled" className="text-muted-foreground" />
}

interface OutcomeViewProps {
  readonly database: string
  readonly outcome: Outcome
}

function OutcomeView({ database, outcome }: OutcomeViewProps) {
  if (outcome.status === 'failed') return <Failed outcome={outcome} />
  if (outcome.status === 'cancelled')
    return (
      <p className="p-4">
        Cancelled after {formatMilliseconds(outcome.tookMs)}: the statement was ended in the
        database and changed nothing.
      </p>
    )
  const { result } = outcome
  return (
    <>
      <div className="flex min-h-8 shrink-0 flex-wrap items-center gap-x-3 border-b bg-card px-3 py-0.5 text-xs">
        <p className="font-medium">{countsOf(result)}</p>
        <p className="text-muted-foreground tabular-nums">
          {formatMilliseconds(result.durationMs)} in the database ·{' '}
          {formatMilliseconds(outcome.tookMs)} in all
        </p>
        {result.truncated ? (
          <p className="font-medium text-warning">
            Truncated at {formatCountOf(result.rows.length, 'row')}: there are more.
          </p>
        ) : null}
        {result.columns.length > 0 ? <ExportButtons database={database} outcome={outcome} /> : null}
      </div>
      {result.columns.length > 0 ? (
        <ResultGrid
          label="Rows of the result"
          columns={result.columns}
          rows={rowsOf(result)}
          className="min-h-0 flex-1"
        />
      ) : null}
    </>
  )
}

function Failed({ outcome }: { readonly outcome: Outcome & { status: 'failed' } }) {
  const { position } = failureOf(outcome.error)
  return (
    <div className="grid content-start gap-2 overflow-auto p-3">
      <FailureNotice error={outcome.error} />
      <p className="text-xs text-muted-foreground">
        {position ? `Line ${position.line}, column ${position.column} of the statement. ` : ''}
        Failed after {formatMilliseconds(outcome.tookMs)}.
      </p>
      <pre className="overflow-x-auto rounded-md border bg-card p-3 text-xs leading-5 whitespace-pre-wrap">
        {outcome.statement.text}
      </pre>
    </div>
  )
}

/** The statement on one line, without the comments before it. */
const labelOf = ({ statement }: Outcome) =>
  statement.text.replace(/^(?:\s|--.*|\/\*[\s\S]*?\*\/)+/, '').replace(/\s+/g, ' ')

function summaryOf(outcome: Outcome): string {
  if (outcome.status === 'failed') return failureOf(outcome.error).title
  if (outcome.status === 'cancelled') return 'Cancelled'
  return countsOf(outcome.result) + (outcome.result.truncated ? ', truncated' : '')
}

function countsOf({ columns, rows, rowsAffected, lastInsertId }: QueryResult): string {
  const changed = `${formatCountOf(rowsAffected, 'row')} affected`
  if (columns.length === 0)
    return lastInsertId === undefined ? changed : `${changed}, last id ${lastInsertId}`
  const counted = formatCountOf(rows.length, 'row')
  return rowsAffected > 0 ? `${counted}, ${changed}` : counted
}
