'use client'

import type { SchemaInfo, TableInfo } from '@db-forge/contract'
import Link from 'next/link'
import { useRouter, useSearchParams } from 'next/navigation'
import { useThisDatabase } from '@/components/databases/database-frame'
import { NeedsRunning } from '@/components/databases/needs-running'
import { FailureNotice } from '@/components/failure-notice'
import { Button } from '@/components/ui/button'
import { formatCountOf } from '@/lib/format'
import { paths } from '@/lib/paths'
import { kindOf } from '@/lib/table-kinds'
import { readTableView, type TableView, writeTableView } from '@/lib/table-view'
import { RowsPane } from './rows-pane'
import { StructurePane } from './structure-pane'
import { TableList } from './table-list'
import { useSchema } from './use-schema'

export function TablePage({ table }: { readonly table: string }) {
  const database = useThisDatabase()
  const { data: schema, error, refetch } = useSchema(database, { counts: true })
  const view = readTableView(useSearchParams())
  const router = useRouter()
  const info = schema && findTable(schema, table)
  const show = (next: TableView) =>
    router.push(paths.table(database.name, table) + writeTableView(next), { scroll: false })
  return (
    <main id="content" className="flex flex-col md:h-[calc(100dvh-5.3125rem)]">
      <NeedsRunning database={database} className="border-b" />
      <div className="flex min-h-0 flex-1">
        <TableList
          database={database.name}
          schema={schema}
          current={info?.name ?? table}
          className="w-56 shrink-0 border-r max-lg:hidden"
        />
        <div className="flex min-w-0 flex-1 flex-col max-md:min-h-[70dvh]">
          <TableHead
            name={info?.name ?? table}
            info={info}
            view={view}
            href={(next) => paths.table(database.name, table) + writeTableView(next)}
          />
          {error ? (
            <FailureNotice
              error={error}
              className="m-3"
              actions={
                <Button size="sm" onClick={() => void refetch()}>
                  Try again
                </Button>
              }
            />
          ) : schema && !info ? (
            <Missing database={database.name} table={table} />
          ) : info && view.pane === 'structure' ? (
            <StructurePane database={database.name} info={info} />
          ) : info ? (
            <RowsPane database={database} info={info} view={view} onView={show} />
          ) : (
            <Waiting />
          )}
        </div>
      </div>
    </main>
  )
}

/** As it is written first: PostgreSQL may have two whose names differ in case alone. */
const findTable = ({ tables }: SchemaInfo, table: string) =>
  tables.find(({ name }) => name === table) ??
  tables.find(({ name }) => name.toLowerCase() === table.toLowerCase())

interface TableHeadProps {
  readonly name: string
  readonly info: TableInfo | undefined
  readonly view: TableView
  readonly href: (view: TableView) => string
}

function TableHead({ name, info, view, href }: TableHeadProps) {
  const panes = [
    { pane: 'rows', label: 'Rows' },
    { pane: 'structure', label: 'Structure' },
  ] as const
  return (
    <div className="flex shrink-0 flex-wrap items-center gap-x-3 gap-y-1 border-b bg-card px-3 py-1.5">
      <h1 className="font-mono text-base font-semibold">{name}</h1>
      {info ? (
        <p className="text-muted-foreground">
          {kindOf(info)}
          {info.rowCount === null ? '' : ` · ${formatCountOf(info.rowCount, 'row')}`} ·{' '}
          {formatCountOf(info.columns.length, 'column')}
        </p>
      ) : null}
      <nav aria-label={`Sides of ${name}`} className="ml-auto flex rounded-md border p-0.5">
        {panes.map(({ pane, label }) => (
          <Link
            key={pane}
            href={href({ ...view, pane })}
            aria-current={view.pane === pane ? 'page' : undefined}
            className="flex h-6 items-center rounded-sm px-2.5 text-xs text-muted-foreground hover:text-foreground aria-[current=page]:bg-accent aria-[current=page]:font-medium aria-[current=page]:text-foreground"
          >
            {label}
          </Link>
        ))}
      </nav>
    </div>
  )
}

function Missing({ database, table }: { readonly database: string; readonly table: string }) {
  return (
    <section className="grid justify-items-start gap-3 p-6">
      <h2 className="text-lg font-semibold">
        There is no table <span className="font-mono">{table}</span>
      </h2>
      <Button asChild>
        <Link href={paths.tables(database)}>Show all tables</Link>
      </Button>
    </section>
  )
}

/** The bars where they will be, so that nothing moves when the rows arrive. */
function Waiting() {
  return (
    <>
      <div className="h-10 shrink-0 border-b bg-card" />
      <div role="status" aria-label="Loading the table" className="flex-1 bg-card" />
      <div className="h-10 shrink-0 border-t bg-card" />
    </>
  )
}
