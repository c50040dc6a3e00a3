'use client'

import type { QueryResult } from '@db-forge/contract'
import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useRef, useState } from 'react'
import { client, isSignedOut, keys } from '@/lib/api'
import { paths } from '@/lib/paths'
import type { Statement } from '@/lib/sql-statements'

export interface RunOptions {
  readonly maxRows: number
  readonly timeoutMs: number
  readonly readOnly: boolean
}

export type Outcome = {
  readonly statement: Statement
  readonly tookMs: number
  readonly options: RunOptions
} & (
  | { readonly status: 'done'; readonly result: QueryResult }
  | { readonly status: 'failed'; readonly error: unknown }
  | { readonly status: 'aborted' }
)

export interface Running {
  readonly startedAt: number
  readonly place: number
  readonly total: number
}

/**
 * Runs statements one after the other, each by itself, and stops at the first that fails. What was there before
 * stays until the first of the new ones has ended.
 */
export function useSqlRun(name: string) {
  const queryClient = useQueryClient()
  const [outcomes, setOutcomes] = useState<readonly Outcome[]>([])
  const [running, setRunning] = useState<Running | null>(null)
  const request = useRef<AbortController | null>(null)

  useEffect(() => () => request.current?.abort(), [])

  const run = async (
    statements: readonly Statement[],
    options: RunOptions,
  ): Promise<readonly Outcome[]> => {
    if (request.current || statements.length === 0) return []
    const controller = new AbortController()
    request.current = controller
    const ended: Outcome[] = []
    for (const statement of statements) {
      setRunning({
        startedAt: performance.now(),
        place: ended.length + 1,
        total: statements.length,
      })
      const outcome = await runOne(name, statement, options, controller.signal)
      ended.push(outcome)
      setOutcomes([...ended])
      if (outcome.status !== 'done') break
    }
    request.current = null
    setRunning(null)
    // Whatever returned no columns may have changed what there is.
    if (ended.some((outcome) => outcome.status === 'done' && outcome.result.columns.length === 0))
      void queryClient.invalidateQueries({ queryKey: keys.schema(name) })
    return ended
  }

  return { outcomes, running, run, abort: () => request.current?.abort() }
}

async function runOne(
  name: string,
  statement: Statement,
  options: RunOptions,
  signal: AbortSignal,
): Promise<Outcome> {
  const startedAt = performance.now()
  const about = () => ({ statement, options, tookMs: performance.now() - startedAt })
  try {
    const body = { sql: statement.text, rowFormat: 'array' as const, ...options }
    const result = await client.queries.query({ params: { name }, body }, { signal })
    return { ...about(), status: 'done', result }
  } catch (error) {
    if (signal.aborted) return { ...about(), status: 'aborted' }
    if (isSignedOut(error)) window.location.replace(paths.signIn(window.location.pathname))
    return { ...about(), status: 'failed', error }
  }
}
