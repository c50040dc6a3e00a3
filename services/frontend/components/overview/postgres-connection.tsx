'use client'

import { type Connection, type Database, databaseCan } from '@db-forge/contract'
import { KeyRound } from 'lucide-react'
import dynamic from 'next/dynamic'
import { useState } from 'react'
import { Command, CopyButton } from '@/components/copyable'
import { Button } from '@/components/ui/button'

const PasswordDialog = dynamic(
  () => import('@/components/credentials/password-dialog').then((module) => module.PasswordDialog),
  { ssr: false },
)

/** How clients that speak PostgreSQL's own protocol reach the database. */
export function PostgresConnection({ database }: { readonly database: Database }) {
  const { connection } = database
  return (
    <section aria-label="For PostgreSQL clients" className="grid gap-4 border-b p-4">
      <div className="flex flex-wrap items-center gap-2">
        <h3 className="font-medium">For PostgreSQL clients</h3>
        <NewPassword database={database} />
      </div>
      {connection ? (
        <Address connection={connection} />
      ) : (
        <p className="text-muted-foreground">
          The port for PostgreSQL clients is off (<code>DBFORGE_PG_PORT</code>): the database is
          reached over HTTP alone.
        </p>
      )}
    </section>
  )
}

function Address({ connection }: { readonly connection: Connection }) {
  const { host, port, database, url } = connection
  return (
    <>
      <dl className="grid grid-cols-[auto_minmax(0,1fr)] items-center gap-x-4">
        <Part name="Host" value={host} />
        <Part name="Port" value={String(port)} />
        <Part name="Database" value={database} />
        <Part name="User" value="owner" note="or reader, who may only read" />
      </dl>
      <div className="grid min-w-0 gap-1">
        <h4 className="text-muted-foreground">Connection string, without the password</h4>
        <Command label="Connection string" text={url} />
      </div>
      <div className="grid min-w-0 gap-1">
        <h4 className="text-muted-foreground">psql, which asks for the password</h4>
        <Command label="psql" text={`psql ${url}`} />
      </div>
    </>
  )
}

interface PartProps {
  readonly name: string
  readonly value: string
  readonly note?: string
}

function Part({ name, value, note }: PartProps) {
  return (
    <>
      <dt className="text-muted-foreground">{name}</dt>
      <dd className="flex min-h-7 min-w-0 flex-wrap items-center gap-x-1">
        <span className="flex min-w-0 items-center gap-1">
          <code className="truncate">{value}</code>
          <CopyButton text={value} label={`Copy: ${name}`} />
        </span>
        {note ? <span className="text-xs text-muted-foreground">{note}</span> : null}
      </dd>
    </>
  )
}

function NewPassword({ database }: { readonly database: Database }) {
  const [open, setOpen] = useState(false)
  const running = databaseCan('query', database)
  return (
    <>
      <Button
        size="sm"
        className="ml-auto"
        disabled={!running}
        title={running ? undefined : 'The database has to run for this.'}
        onClick={() => setOpen(true)}
      >
        <KeyRound aria-hidden />
        New password…
      </Button>
      {open ? <PasswordDialog database={database} onClose={() => setOpen(false)} /> : null}
    </>
  )
}
