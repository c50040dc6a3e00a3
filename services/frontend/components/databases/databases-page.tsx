'use client'

import type { Database, SpawnedDatabase } from '@db-forge/contract'
import { Plus } from 'lucide-react'
import dynamic from 'next/dynamic'
import Link from 'next/link'
import { useState } from 'react'
import { FailureNotice } from '@/components/failure-notice'
import { Button } from '@/components/ui/button'
import { Skeleton } from '@/components/ui/skeleton'
import { formatCount } from '@/lib/format'
import { paths } from '@/lib/paths'
import { DatabaseList } from './database-list'
import { PlatformLine } from './platform-line'
import { useDatabases } from './use-databases'

const SpawnDialog = dynamic(() => import('./spawn-dialog').then((module) => module.SpawnDialog), {
  ssr: false,
})
const SpawnedDialog = dynamic(
  () => import('./spawned-dialog').then((module) => module.SpawnedDialog),
  { ssr: false },
)
const SpawnForm = dynamic(() => import('./spawn-form').then((module) => module.SpawnForm), {
  ssr: false,
})

export function DatabasesPage() {
  const { data: databases, error, refetch } = useDatabases()
  const [spawning, setSpawning] = useState(false)
  // A database is in the list before its spawn is answered; the form stays until then, with what it may have to say.
  const [unanswered, setUnanswered] = useState(false)
  const [spawned, setSpawned] = useState<SpawnedDatabase | null>(null)
  const take = (database: SpawnedDatabase) => {
    setSpawning(false)
    setUnanswered(false)
    // Only here is the password to be had: it is shown before anything else.
    if (database.credentials) setSpawned(database)
  }
  return (
    <main id="content" className="mx-auto grid max-w-6xl gap-4 px-4 py-6">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-2">
        <h1 className="text-xl font-semibold">Databases</h1>
        <p className="text-muted-foreground" aria-live="polite">
          {databases ? summaryOf(databases) : ''}
        </p>
        <div className="ml-auto flex gap-2">
          <Button variant="ghost" asChild>
            <Link href={paths.deleted}>Deleted</Link>
          </Button>
          {databases && databases.length > 0 ? (
            <Button variant="primary" onClick={() => setSpawning(true)}>
              <Plus aria-hidden />
              Spawn database
            </Button>
          ) : null}
        </div>
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
      {databases?.length === 0 || unanswered ? (
        <FirstDatabase onSpawn={() => setUnanswered(true)} onSpawned={take} />
      ) : null}
      {databases && databases.length > 0 ? <DatabaseList databases={databases} /> : null}
      {databases || error ? null : <Waiting />}
      <PlatformLine />
      {spawning ? <SpawnDialog onSpawned={take} onClose={() => setSpawning(false)} /> : null}
      {spawned ? <SpawnedDialog spawned={spawned} onClose={() => setSpawned(null)} /> : null}
    </main>
  )
}

function summaryOf(databases: readonly Database[]): string {
  const byState = new Map<string, number>()
  for (const { state } of databases) byState.set(state, (byState.get(state) ?? 0) + 1)
  return [...byState].map(([state, count]) => `${formatCount(count)} ${state}`).join(' · ')
}

interface FirstDatabaseProps {
  readonly onSpawn: () => void
  readonly onSpawned: (database: SpawnedDatabase) => void
}

function FirstDatabase({ onSpawn, onSpawned }: FirstDatabaseProps) {
  return (
    <section className="grid max-w-xl gap-4 rounded-lg border bg-card p-5">
      <div className="grid gap-1">
        <h2 className="text-lg font-semibold">Spawn the first database</h2>
        <p className="text-muted-foreground">
          It gets a worker of its own and can be queried as soon as the request is answered.
        </p>
      </div>
      <SpawnForm onSpawn={onSpawn} onSpawned={onSpawned} />
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
