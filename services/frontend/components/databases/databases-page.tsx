'use client'

import type { Database, SpawnedDatabase } from '@db-forge/contract'
import { Plus, Search } from 'lucide-react'
import dynamic from 'next/dynamic'
import { useSearchParams } from 'next/navigation'
import { useState } from 'react'
import { FailureNotice } from '@/components/failure-notice'
import { Button } from '@/components/ui/button'
import { Input } from '@/components/ui/input'
import { Skeleton } from '@/components/ui/skeleton'
import { formatCount, formatCountOf } from '@/lib/format'
import { DatabaseTable } from './database-table'
import { PlatformLine } from './platform-line'
import { useDatabases } from './use-databases'

const SpawnDialog = dynamic(() => import('./spawn-dialog').then((module) => module.SpawnDialog), {
  ssr: false,
})
const SpawnForm = dynamic(() => import('./spawn-form').then((module) => module.SpawnForm), {
  ssr: false,
})

export function DatabasesPage() {
  const { data: databases, error, refetch } = useDatabases()
  const [spawning, setSpawning] = useState(false)
  const [spawned, setSpawned] = useState<SpawnedDatabase | null>(null)
  const close = () => {
    setSpawning(false)
    setSpawned(null)
  }
  return (
    <main id="content" className="mx-auto grid max-w-6xl gap-4 px-4 py-6">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-2">
        <h1 className="text-xl font-semibold">Databases</h1>
        <p className="text-muted-foreground" aria-live="polite">
          {databases ? summaryOf(databases) : ''}
        </p>
        {databases && databases.length > 0 ? (
          <Button variant="primary" className="ml-auto" onClick={() => setSpawning(true)}>
            <Plus aria-hidden />
            Spawn database
          </Button>
        ) : null}
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
      {databases ? (
        <Databases databases={databases} onSpawned={setSpawned} />
      ) : error ? null : (
        <Waiting />
      )}
      <PlatformLine />
      {spawning || spawned?.credentials ? (
        <SpawnDialog
          spawned={spawned}
          onSpawned={(database) => (database.credentials ? setSpawned(database) : close())}
          onClose={close}
        />
      ) : null}
    </main>
  )
}

function summaryOf(databases: readonly Database[]): string {
  const byState = new Map<string, number>()
  for (const { state } of databases) byState.set(state, (byState.get(state) ?? 0) + 1)
  return [...byState].map(([state, count]) => `${formatCount(count)} ${state}`).join(' · ')
}

const SHOWN_AT_FIRST = 200

interface DatabasesProps {
  readonly databases: readonly Database[]
  readonly onSpawned: (database: SpawnedDatabase) => void
}

function Databases({ databases, onSpawned }: DatabasesProps) {
  const [search, setSearch] = useSearchInUrl()
  const [shown, setShown] = useState(SHOWN_AT_FIRST)
  if (databases.length === 0) return <FirstDatabase onSpawned={onSpawned} />
  const matching = databases.filter(({ name }) =>
    name.toLowerCase().includes(search.trim().toLowerCase()),
  )
  return (
    <>
      <div className="relative max-w-xs">
        <Search aria-hidden className="absolute top-2.25 left-2.5 size-3.5 text-muted-foreground" />
        <Input
          type="search"
          aria-label="Filter by name"
          placeholder="Filter by name"
          value={search}
          onChange={(event) => setSearch(event.target.value)}
          className="pl-8"
        />
      </div>
      <div className="overflow-x-auto rounded-lg border bg-card">
        {matching.length > 0 ? (
          <DatabaseTable databases={matching.slice(0, shown)} />
        ) : (
          <p className="p-6 text-center text-muted-foreground">
            No name contains “{search.trim()}”.
          </p>
        )}
      </div>
      {matching.length > shown ? (
        <div className="flex items-center gap-3">
          <Button onClick={() => setShown(shown + SHOWN_AT_FIRST)}>Show more</Button>
          <p className="text-muted-foreground">
            {formatCount(shown)} of {formatCountOf(matching.length, 'database')} are shown.
          </p>
        </div>
      ) : null}
    </>
  )
}

/** What the filter holds, kept in the address so that a reload or a link finds it again. */
function useSearchInUrl() {
  const [search, setSearch] = useState(useSearchParams().get('q') ?? '')
  return [
    search,
    (next: string) => {
      setSearch(next)
      window.history.replaceState(
        null,
        '',
        next ? `?${new URLSearchParams({ q: next })}` : window.location.pathname,
      )
    },
  ] as const
}

function FirstDatabase({ onSpawned }: Pick<DatabasesProps, 'onSpawned'>) {
  return (
    <section className="grid max-w-xl gap-4 rounded-lg border bg-card p-5">
      <div className="grid gap-1">
        <h2 className="text-lg font-semibold">Spawn the first database</h2>
        <p className="text-muted-foreground">
          It gets a worker of its own and can be queried as soon as the request is answered.
        </p>
      </div>
      <SpawnForm onSpawned={onSpawned} />
    </section>
  )
}

function Waiting() {
  return (
    <div
      className="grid gap-px overflow-hidden rounded-lg border bg-card"
      role="status"
      aria-label="Loading the databases"
    >
      {['a', 'b', 'c', 'd'].map((key) => (
        <div key={key} className="flex h-11 items-center gap-8 px-3">
          <Skeleton className="h-3.5 w-36" />
          <Skeleton className="h-3.5 w-20" />
          <Skeleton className="h-3.5 w-24 max-sm:hidden" />
        </div>
      ))}
    </div>
  )
}
