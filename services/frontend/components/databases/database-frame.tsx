'use client'

import type { Database } from '@db-forge/contract'
import Link from 'next/link'
import { usePathname } from 'next/navigation'
import { createContext, type ReactNode, useContext } from 'react'
import { FailureNotice } from '@/components/failure-notice'
import { Button } from '@/components/ui/button'
import { Skeleton } from '@/components/ui/skeleton'
import { isNotFound } from '@/lib/api'
import { cn } from '@/lib/cn'
import { paths } from '@/lib/paths'
import { DatabaseActions } from './database-actions'
import { StateBadge } from './state-badge'
import { useDatabase } from './use-databases'

const DatabaseContext = createContext<Database | null>(null)

/** The database that the page is about. */
export function useThisDatabase(): Database {
  const database = useContext(DatabaseContext)
  if (!database) throw new Error('used outside of a database’s pages')
  return database
}

/** Header and tabs around every page of one database. */
export function DatabaseFrame({
  name,
  children,
}: {
  readonly name: string
  readonly children: ReactNode
}) {
  const { data: database, error, refetch } = useDatabase(name)
  if (isNotFound(error)) return <Gone name={name} />
  if (!database)
    return (
      <main id="content" className="grid gap-4 px-4 py-6">
        {error ? (
          <FailureNotice
            error={error}
            actions={
              <Button size="sm" onClick={() => void refetch()}>
                Try again
              </Button>
            }
          />
        ) : (
          <div role="status" aria-label={`Loading ${name}`} className="grid gap-4">
            <Skeleton className="h-6 w-56" />
            <Skeleton className="h-40 w-full" />
          </div>
        )}
      </main>
    )
  return (
    <DatabaseContext value={database}>
      <section
        aria-label={`Pages, state and actions of ${database.name}`}
        className="sticky top-11 z-20 flex flex-wrap items-center gap-x-4 border-b bg-card px-4"
      >
        <Tabs database={database} />
        <div className="ml-auto flex items-center gap-3 py-1.5">
          <StateBadge state={database.state} className="max-sm:hidden" />
          <DatabaseActions database={database} />
        </div>
      </section>
      {children}
    </DatabaseContext>
  )
}

function Tabs({ database }: { readonly database: Database }) {
  const path = usePathname()
  const tabs = [
    { label: 'Overview', href: paths.database(database.name), exact: true },
    { label: 'SQL', href: paths.sql(database.name), exact: true },
    { label: 'Tables', href: paths.tables(database.name), exact: false },
  ]
  const isHere = (href: string, exact: boolean) => {
    const [here, there] = [path.toLowerCase(), href.toLowerCase()]
    return here === there || (!exact && here.startsWith(`${there}/`))
  }
  return (
    <nav aria-label={`Pages of ${database.name}`} className="flex gap-1">
      {tabs.map(({ label, href, exact }) => (
        <Link
          key={label}
          href={href}
          aria-current={isHere(href, exact) ? 'page' : undefined}
          className={cn(
            'flex h-10 items-center border-b-2 border-transparent px-2 text-muted-foreground hover:text-foreground',
            'aria-[current=page]:border-primary aria-[current=page]:font-medium aria-[current=page]:text-foreground',
          )}
        >
          {label}
        </Link>
      ))}
    </nav>
  )
}

function Gone({ name }: { readonly name: string }) {
  return (
    <main id="content" className="mx-auto grid max-w-md justify-items-start gap-3 px-4 py-20">
      <h1 className="text-xl font-semibold">
        There is no database <span className="font-mono">{name}</span>
      </h1>
      <p className="text-muted-foreground">
        It was deleted, or never had this name.{' '}
        <Link href={paths.deleted} className="rounded-sm underline">
          What was deleted
        </Link>{' '}
        can be had back for a while.
      </p>
      <Button asChild>
        <Link href={paths.databases}>Go to the databases</Link>
      </Button>
    </main>
  )
}
