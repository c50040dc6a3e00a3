'use client'

import { type Database, databaseCan } from '@db-forge/contract'
import { KeyRound } from 'lucide-react'
import dynamic from 'next/dynamic'
import { useState } from 'react'
import { Command, CopyButton } from '@/components/copyable'
import { Button } from '@/components/ui/button'

const PasswordDialog = dynamic(
  () => import('./password-dialog').then((module) => module.PasswordDialog),
  { ssr: false },
)

/** How clients that speak PostgreSQL's own protocol reach the database. */
export function PostgresConnection({ database }: { readonly database: Database }) {
  const [renewing, setRenewing] = useState(false)
  const { connection } = database
  return (
    <>
      {connection ? (
        <>
          <div className="grid gap-1">
            <h3 className="text-muted-foreground">For PostgreSQL clients, with TLS or without</h3>
            <p className="flex min-w-0 items-center gap-1">
              <code className="min-w-0 truncate">{connection.url}</code>
              <CopyButton text={connection.url} label="Copy the connection string" />
            </p>
          </div>
          <div className="grid min-w-0 gap-1">
            <h3 className="text-muted-foreground">psql</h3>
            <Command label="psql" text={`psql ${connection.url}`} />
          </div>
        </>
      ) : (
        <p className="text-muted-foreground">
          The port for PostgreSQL clients is off (<code>DBFORGE_PG_PORT</code>).
        </p>
      )}
      <Button
        size="sm"
        className="justify-self-start"
        disabled={!databaseCan('query', database)}
        onClick={() => setRenewing(true)}
      >
        <KeyRound aria-hidden />
        New password…
      </Button>
      {renewing ? <PasswordDialog database={database} onClose={() => setRenewing(false)} /> : null}
    </>
  )
}
