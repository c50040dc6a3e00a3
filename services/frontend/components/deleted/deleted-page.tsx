'use client'

import type { Database } from '@db-forge/contract'
import { useQuery } from '@tanstack/react-query'
import Link from 'next/link'
import { useState } from 'react'
import { EngineMark } from '@/components/databases/engine-mark'
import { FailureNotice } from '@/components/failure-notice'
import { Button } from '@/components/ui/button'
import { Skeleton } from '@/components/ui/skeleton'
import { keys, listDatabases } from '@/lib/api'
import { formatAgo, formatMoment, formatSeconds } from '@/lib/format'
import { useNow } from '@/lib/hooks'
import { paths } from '@/lib/paths'
import { PurgeDialog } from './purge-dialog'
import { UndeleteDialog } from './undelete-dialog'

/** What is purged when its time is over is told to nobody. */
const LOOK_MS = 30_000

export function DeletedPage() {
  const { data, error, refetch } = useQuery({
    queryKey: keys.deleted,
    queryFn: ({ signal }) => listDatabases(signal, 'deleted'),
    refetchInterval: LOOK_MS,
  })
  return (
    <main id="content" className="mx-auto grid max-w-6xl gap-4 px-4 py-6">
      <div className="grid gap-1">
        <h1 className="text-xl font-semibold">Deleted databases</h1>
        <p className="text-muted-foreground">
          Their data can be had back until they are destroyed.{' '}
          <Link href={paths.databases} className="rounded-sm underline">
            Back to the databases
          </Link>
        </p>
      </div>
      {error ? (
        <FailureNotice
          error={error}
          actions={
            <Button size="sm" onClick={() => void refetch()}>
              Try again
            </Button>
          }
        />
      ) : null}
      {data ? (
        <div className="overflow-x-auto rounded-lg border bg-card">
          {data.length > 0 ? (
            <DeletedTable databases={data} />
          ) : (
            <p className="p-6 text-center text-muted-foreground">There is nothing to have back.</p>
          )}
        </div>
      ) : error ? null : (
        <div role="status" aria-label="Loading the deleted databases">
          <Skeleton className="h-24 w-full" />
        </div>
      )}
    </main>
  )
}

const head = 'h-8 px-3 text-left text-xs font-medium whitespace-nowrap text-muted-foreground'
const cell = 'h-11 px-3 py-1.5'

function DeletedTable({ databases }: { readonly databases: readonly Database[] }) {
  const now = useNow(LOOK_MS)
  return (
    <table className="w-full border-collapse">
      <thead className="border-b bg-muted">
        <tr>
          <th scope="col" className={head}>
            Name
          </th>
          <th scope="col" className={`${head} max-md:hidden`}>
            Engine
          </th>
          <th scope="col" className={`${head} max-md:hidden`}>
            Deleted
          </th>
          <th scope="col" className={`${head} max-sm:hidden`}>
            Destroyed
          </th>
          <th scope="col" className={head}>
            <span className="sr-only">Actions</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {databases.map((database) => (
          <DeletedRow key={database.id} database={database} now={now} />
        ))}
      </tbody>
    </table>
  )
}

function DeletedRow({ database, now }: { readonly database: Database; readonly now: number }) {
  const { id, name, deletedAt } = database
  const [asked, setAsked] = useState<'undelete' | 'purge' | null>(null)
  const close = () => setAsked(null)
  return (
    <tr data-database={name} className="border-b last:border-b-0 hover:bg-muted/60">
      <th scope="row" className={`${cell} max-w-72 text-left font-normal`}>
        <span className="block font-mono font-medium wrap-anywhere">{name}</span>
        <code className="block text-xs text-muted-foreground max-sm:hidden">{id}</code>
        <span className="block text-xs text-muted-foreground sm:hidden">
          destroyed <PurgeTime database={database} now={now} />
        </span>
      </th>
      <td className={`${cell} max-md:hidden`}>
        <EngineMark database={database} />
      </td>
      <td className={`${cell} whitespace-nowrap text-muted-foreground max-md:hidden`}>
        {deletedAt ? (
          <time dateTime={deletedAt} title={formatMoment(deletedAt)}>
            {formatAgo(deletedAt, now)}
          </time>
        ) : null}
      </td>
      <td className={`${cell} text-muted-foreground max-sm:hidden`}>
        <PurgeTime database={database} now={now} />
      </td>
      <td className={`${cell} w-0`}>
        {database.desired === 'deleted' ? (
          <div className="flex gap-1 max-sm:flex-col">
            <Button size="sm" aria-label={`Undelete ${name}`} onClick={() => setAsked('undelete')}>
              Undelete
            </Button>
            <Button
              size="sm"
              variant="ghost"
              className="text-destructive"
              aria-label={`Destroy now: ${name}`}
              onClick={() => setAsked('purge')}
            >
              Destroy now
            </Button>
          </div>
        ) : null}
        {asked === 'undelete' ? <UndeleteDialog database={database} onClose={close} /> : null}
        {asked === 'purge' ? <PurgeDialog database={database} onClose={close} /> : null}
      </td>
    </tr>
  )
}

function PurgeTime({ database, now }: { readonly database: Database; readonly now: number }) {
  const { purgeAt, desired } = database
  if (desired === 'purged') return 'at this moment'
  if (!purgeAt) return '—'
  const seconds = (Date.parse(purgeAt) - now) / 1000
  return (
    <time dateTime={purgeAt} title={formatMoment(purgeAt)}>
      {seconds > 0 ? `in ${formatSeconds(Math.max(60, seconds))}` : 'in a moment'}
    </time>
  )
}
