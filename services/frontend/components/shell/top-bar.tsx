'use client'

import { BookOpen, LogOut } from 'lucide-react'
import Link from 'next/link'
import { useParams } from 'next/navigation'
import { useDatabase } from '@/components/databases/use-databases'
import { JobsButton } from '@/components/jobs/jobs-button'
import { Button } from '@/components/ui/button'
import { client } from '@/lib/api'
import { notifyOfFailure } from '@/lib/notify'
import { paths, readSegment } from '@/lib/paths'
import { ConnectionStatus } from './connection-status'
import { Mark } from './mark'
import { ThemeButton } from './theme-button'

export function TopBar() {
  const { name } = useParams<{ name?: string }>()
  return (
    <header className="sticky top-0 z-30 flex h-11 items-center gap-1 border-b bg-card px-3">
      <Link
        href={paths.databases}
        className="flex h-7 items-center gap-2 rounded-sm pr-1 font-semibold"
        aria-label="DB-Forge, databases"
      >
        <Mark />
        <span className="max-sm:hidden">DB-Forge</span>
      </Link>
      {name ? <Breadcrumb name={readSegment(name)} /> : null}
      <div className="ml-auto flex items-center gap-0.5">
        <ConnectionStatus />
        <JobsButton />
        <Button variant="ghost" size="icon" asChild>
          <a href={paths.apiDocs} aria-label="API documentation" title="API documentation">
            <BookOpen aria-hidden />
          </a>
        </Button>
        <ThemeButton />
        <Button
          variant="ghost"
          size="icon"
          aria-label="Sign out"
          title="Sign out"
          onClick={() => void signOut()}
        >
          <LogOut aria-hidden />
        </Button>
      </div>
    </header>
  )
}

function Breadcrumb({ name }: { readonly name: string }) {
  const { data } = useDatabase(name)
  return (
    <nav aria-label="Breadcrumb" className="min-w-0">
      <ol className="flex min-w-0 items-center text-muted-foreground">
        <li className="flex items-center max-sm:sr-only">
          <Separator />
          <Link
            href={paths.databases}
            className="flex h-7 items-center rounded-sm px-1 hover:text-foreground"
          >
            Databases
          </Link>
        </li>
        <li className="flex min-w-0 items-center">
          <Separator />
          <Link
            href={paths.database(name)}
            className="flex h-7 min-w-0 items-center rounded-sm px-1 font-mono text-foreground"
          >
            <span className="truncate">{data?.name ?? name}</span>
          </Link>
        </li>
      </ol>
    </nav>
  )
}

const Separator = () => (
  <span aria-hidden className="px-1 text-border">
    /
  </span>
)

async function signOut() {
  try {
    await client.session.delete()
    window.location.assign(paths.signIn())
  } catch (error) {
    notifyOfFailure(error)
  }
}
