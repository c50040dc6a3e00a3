'use client'

import { type Database, databaseCan, type RunningQuery, type Transaction } from '@db-forge/contract'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { CircleStop, Undo2 } from 'lucide-react'
import { FailureNotice } from '@/components/failure-notice'
import { Button } from '@/components/ui/button'
import { Card } from '@/components/ui/card'
import { client, failureOf, keys } from '@/lib/api'
import { formatCountOf, formatMilliseconds } from '@/lib/format'
import { notifyOfFailure } from '@/lib/notify'

const EVERY_MS = 2000

/** What runs now, with who asked for it, and transactions that are open; both can be ended here. */
export function QueriesCard({ database }: { readonly database: Database }) {
  const runs = databaseCan('query', database)
  const { data, error } = useActivity(database.name, runs)
  const nothing = !runs || (data?.queries.length === 0 && data.transactions.length === 0)
  return (
    <Card title="Running now">
      {error && !data ? <FailureNotice error={error} className="m-3" /> : null}
      {nothing ? <p className="px-4 py-3 text-muted-foreground">Nothing runs.</p> : null}
      {runs && data && !nothing ? (
        <ul className="divide-y">
          {data.queries.map((query) => (
            <QueryItem key={query.id} database={database.name} query={query} />
          ))}
          {data.transactions.map((transaction) => (
            <TransactionItem
              key={transaction.id}
              database={database.name}
              transaction={transaction}
            />
          ))}
        </ul>
      ) : null}
    </Card>
  )
}

function useActivity(name: string, enabled: boolean) {
  return useQuery({
    queryKey: keys.queries(name),
    queryFn: async ({ signal }) => {
      const call = { params: { name } }
      const [queries, transactions] = await Promise.all([
        client.queries.running(call, { signal }),
        client.queries.transactions(call, { signal }),
      ])
      return { queries: queries.items, transactions: transactions.items }
    },
    refetchInterval: EVERY_MS,
    enabled,
  })
}

function QueryItem({
  database,
  query,
}: {
  readonly database: string
  readonly query: RunningQuery
}) {
  const cancel = useEnding(database, () =>
    client.queries.cancel({ params: { name: database, id: query.id } }),
  )
  const ending = cancel.isPending || query.cancelling
  return (
    <li className="flex items-center gap-3 px-4 py-2">
      <div className="min-w-0 flex-1">
        <p className="truncate font-mono text-xs" title={query.sql}>
          {query.sql.replace(/\s+/g, ' ')}
        </p>
        <p className="text-xs text-muted-foreground tabular-nums">
          {[
            `${formatMilliseconds(Math.round(query.elapsedMs))} of ${formatMilliseconds(query.timeoutMs)}`,
            query.by,
            query.kind,
            query.rows > 0 ? `${formatCountOf(query.rows, 'row')} sent` : '',
          ]
            .filter(Boolean)
            .join(' · ')}
        </p>
      </div>
      <Button
        size="sm"
        disabled={ending}
        aria-label={`Cancel query ${query.id}`}
        onClick={() => cancel.mutate()}
      >
        <CircleStop aria-hidden />
        {ending ? 'Cancelling…' : 'Cancel'}
      </Button>
    </li>
  )
}

interface TransactionItemProps {
  readonly database: string
  readonly transaction: Transaction
}

function TransactionItem({ database, transaction }: TransactionItemProps) {
  const { id, mode, startedAt, expiresAt } = transaction
  const rollback = useEnding(database, () =>
    client.queries.rollback({ params: { name: database, id } }),
  )
  const spanMs = Date.parse(expiresAt) - Date.parse(startedAt)
  return (
    <li className="flex items-center gap-3 px-4 py-2">
      <div className="min-w-0 flex-1">
        <p className="truncate text-xs">
          Open {mode} transaction <code>{id}</code>
        </p>
        <p className="text-xs text-muted-foreground tabular-nums">
          {formatMilliseconds(Math.max(0, Date.now() - Date.parse(startedAt)))} of{' '}
          {formatMilliseconds(spanMs)}
          {mode === 'write' ? ' · other writes wait for it' : ''}
        </p>
      </div>
      <Button
        size="sm"
        disabled={rollback.isPending}
        aria-label={`Roll back transaction ${id}`}
        onClick={() => rollback.mutate()}
      >
        <Undo2 aria-hidden />
        Roll back
      </Button>
    </li>
  )
}

/** Something that has ended by itself in the meantime is as good as ended. */
const ENDED = ['query.not_found', 'transaction.not_found', 'transaction.ended']

function useEnding(database: string, end: () => Promise<unknown>) {
  const queryClient = useQueryClient()
  return useMutation({
    mutationFn: end,
    onError: (error) => {
      if (!ENDED.includes(failureOf(error).code ?? '')) notifyOfFailure(error)
    },
    onSettled: () => queryClient.invalidateQueries({ queryKey: keys.queries(database) }),
  })
}
