'use client'

import { urlOf } from '@db-forge/client'
import { api, type Database } from '@db-forge/contract'
import { Command, CopyButton } from '@/components/copyable'
import { Card } from '@/components/ui/card'
import { curlOf } from '@/lib/curl'
import { useOrigin } from '@/lib/hooks'

/** How to reach the database from elsewhere: its address, and calls to paste into a terminal. */
export function ConnectionCard({ database }: { readonly database: Database }) {
  const origin = useOrigin()
  const params = { name: database.name }
  const address = origin + urlOf(api.queries.query, { params })
  const { query, batch } = api.queries
  const statements = [
    { sql: 'create table if not exists notes (id integer primary key, text text)' },
    { sql: 'insert into notes (text) values (?)', params: ['hello'] },
  ]
  const commands = [
    {
      label: 'Query',
      text: curlOf(origin, query, { params, body: { sql: 'select sqlite_version()' } }),
    },
    {
      label: 'Several statements, all or nothing',
      text: curlOf(origin, batch, { params, body: { statements } }),
    },
    { label: 'Schema', text: curlOf(origin, api.tables.schema, { params }) },
    {
      label: 'Spawn it again elsewhere, or start it',
      text: curlOf(origin, api.databases.spawn, { params }),
    },
  ]
  return (
    <Card title="Connection">
      <div className="grid gap-4 p-4">
        <div className="grid gap-1">
          <h3 className="text-muted-foreground">Address of the query endpoint</h3>
          <p className="flex min-w-0 items-center gap-1">
            <code className="min-w-0 truncate">{address}</code>
            <CopyButton text={address} label="Copy the address" />
          </p>
        </div>
        {commands.map(({ label, text }) => (
          <div key={label} className="grid min-w-0 gap-1">
            <h3 className="text-muted-foreground">{label}</h3>
            <Command label={`curl: ${label}`} text={text} />
          </div>
        ))}
        <p className="text-xs text-muted-foreground">
          <code>$DBFORGE_TOKEN</code> stands for the admin token.
        </p>
      </div>
    </Card>
  )
}
