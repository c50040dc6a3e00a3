'use client'

import { type Database, databaseCan } from '@db-forge/contract'
import { Button } from '@/components/ui/button'
import { cn } from '@/lib/cn'
import { StateBadge } from './state-badge'
import { useLifecycle } from './use-databases'

/** Says that the database cannot be queried now, and offers what would change that. */
export function NeedsRunning({
  database,
  className,
}: {
  readonly database: Database
  readonly className?: string
}) {
  const lifecycle = useLifecycle(database)
  if (databaseCan('query', database)) return null
  return (
    <div
      role="status"
      className={cn(
        'flex flex-wrap items-center gap-x-3 gap-y-1 bg-warning-soft px-4 py-2',
        className,
      )}
    >
      <StateBadge state={database.state} />
      <span>Queries are refused. {database.reason}</span>
      {databaseCan('start', database) ? (
        <Button size="sm" disabled={lifecycle.isPending} onClick={() => lifecycle.mutate('start')}>
          {lifecycle.isPending ? 'Starting…' : 'Start it'}
        </Button>
      ) : null}
    </div>
  )
}
