'use client'

import type { QueryResult } from '@db-forge/contract'
import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useRef, useState } from 'react'
import { client, failureOf, isSignedOut, keys } from '@/lib/api'
import { notifyOfFailure } from '@/lib/notify'
import { paths } from '@/lib/paths'
import type { Statement } from '@/lib/sql-statements'

export interface RunOptions {
  readonly maxRows: number
  /** Null: the database's own limit. */
  readonly timeoutMs: number | null
  readonly readOnly: boolean
}

export type Outcome = {
  readonly statement: Statement
  readonly tookMs: number
} & (
  | { readonly status: 'done'; readonly result: QueryResult }
  | { readonly status: 'failed'; readonly error: unknown }
  | { readonly status: 'cancelled' }
)

export interface Running {
  readonly queryId: string
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
      const queryId = newQueryId()
      setRunning({
        queryId,
        startedAt: performance.now(),
        place: ended.length + 1,
        total: statements.length,
      })
      const call = { name, queryId, signal: controller.signal }
      const outcome = await runOne(call, statement, options)
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

  /** The statement's own request tells how it ended. */
  const cancel = () => {
    if (running) void cancelQuery(name, running.queryId)
  }

  return { outcomes, running, run, cancel }
}

/** Of random letters: `crypto.randomUUID` is only there on secure origins. */
const newQueryId = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('')

/** A query that has just ended needs no cancelling. */
async function cancelQuery(name: string, id: string): Promise<void> {
  try {
    await client.queries.cancel({ params: { name, id } })
  } catch (error) {
    if (failureOf(error).code !== 'query.not_found') notifyOfFailure(error)
  }
}

interface Call {
  readonly name: string
  readonly queryId: string
  readonly signal: AbortSignal
}

async function runOne(
  { name, queryId, signal }: Call,
  statement: Statement,
  { timeoutMs, ...options }: RunOptions,
): Promise<Outcome> {
  const startedAt = performance.now()
  const about = () => ({ statement, tookMs: performance.now() - startedAt })
  const body = {
    sql: statement.text,
    rowFormat: 'array' as const,
    queryId,
    ...options,
    ...(timeoutMs === null ? {} : { timeoutMs }),
  }
  try {
    const result = await client.queries.query({ params: { name }, body }, { signal })
    return { ...about(), status: 'done', result }
  } catch (error) {
    if (failureOf(error).code === 'query.cancelled') return { ...about(), status: 'cancelled' }
    if (isSignedOut(error)) window.location.replace(paths.signIn(window.location.pathname))
    return { ...about(), status: 'failed', error }
  }
}
