'use client'

import type { SchemaInfo, TableInfo } from '@db-forge/contract'
import Link from 'next/link'
import { useThisDatabase } from '@/components/databases/database-frame'
import { NeedsRunning } from '@/components/databases/needs-running'
import { FailureNotice } from '@/components/failure-notice'
import { Button } from '@/components/ui/button'
import { Skeleton } from '@/components/ui/skeleton'
import { formatCount } from '@/lib/format'
import { paths } from '@/lib/paths'
import { kindOf } from '@/lib/table-kinds'
import { useSchema } from './use-schema'

export function TablesPage() {
  const database = useThisDatabase()
  const { data: schema, error, isLoading, refetch } = useSchema(database, { counts: true })
  return (
    <main id="content">
      <NeedsRunning database={database} className="border-b" />
      <div className="mx-auto grid max-w-6xl gap-4 px-4 py-6">
        <h1 className="text-xl font-semibold">Tables and views</h1>
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
        {isLoading ? <Skeleton className="h-48" /> : null}
        {schema ? (
          schema.tables.length > 0 ? (
            <TableOfTables name={database.name} schema={schema} />
          ) : (
            <NoTables name={database.name} />
          )
        ) : null}
      </div>
    </main>
  )
}

const head = 'h-8 px-3 text-left text-xs font-medium whitespace-nowrap text-muted-foreground'
const cell = 'h-9 px-3'
const number = 'text-right tabular-nums'

function TableOfTables({ name, schema }: { readonly name: string; readonly schema: SchemaInfo }) {
  return (
    <div className="overflow-x-auto rounded-lg border bg-card">
      <table className="w-full border-collapse">
        <thead className="border-b bg-muted">
          <tr>
            <th scope="col" className={head}>
              Name
            </th>
            <th scope="col" className={`${head} max-sm:hidden`}>
              Kind
            </th>
            <th scope="col" className={`${head} ${number}`}>
              Rows
            </th>
            <th scope="col" className={`${head} ${number} max-sm:hidden`}>
              Columns
            </th>
            <th scope="col" className={`${head} ${number} max-md:hidden`}>
              Indexes
            </th>
            <th scope="col" className={`${head} max-md:hidden`}>
              Refers to
            </th>
          </tr>
        </thead>
        <tbody>
          {schema.tables.map((info) => (
            <TableRow key={info.name} database={name} info={info} />
          ))}
        </tbody>
      </table>
    </div>
  )
}

function TableRow({ database, info }: { readonly database: string; readonly info: TableInfo }) {
  const { name, rowCount, columns, indexes, foreignKeys } = info
  return (
    <tr className="border-b last:border-b-0 hover:bg-muted/60">
      <th scope="row" className={`${cell} text-left font-normal`}>
        <Link
          href={paths.table(database, name)}
          prefetch={false}
          className="rounded-sm py-1 font-mono font-medium hover:underline"
        >
          {name}
        </Link>
      </th>
      <td className={`${cell} text-muted-foreground max-sm:hidden`}>{kindOf(info)}</td>
      <td className={`${cell} ${number}`}>{rowCount === null ? '—' : formatCount(rowCount)}</td>
      <td className={`${cell} ${number} max-sm:hidden`}>{formatCount(columns.length)}</td>
      <td className={`${cell} ${number} max-md:hidden`}>{formatCount(indexes.length)}</td>
      <td className={`${cell} font-mono text-xs text-muted-foreground max-md:hidden`}>
        {[...new Set(foreignKeys.map((key) => key.table))].join(', ')}
      </td>
    </tr>
  )
}

function NoTables({ name }: { readonly name: string }) {
  return (
    <section className="grid max-w-xl justify-items-start gap-3 rounded-lg border bg-card p-5">
      <h2 className="text-lg font-semibold">No tables yet</h2>
      <p className="text-muted-foreground">
        A create table statement in the SQL console, or the same through the API, makes the first.
      </p>
      <Button asChild variant="primary">
        <Link href={paths.sql(name)}>Open the SQL console</Link>
      </Button>
    </section>
  )
}
