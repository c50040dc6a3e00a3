'use client'

import type { EngineName, SchemaInfo, TableInfo } from '@db-forge/contract'
import { ChevronRight, Eye, Table2 } from 'lucide-react'
import { useState } from 'react'
import { cn } from '@/lib/cn'
import { nameInSchema, schemaGroups } from '@/lib/schema-groups'
import { sqlIdentifier, sqlTable } from '@/lib/sql-identifier'

interface SchemaTreeProps {
  readonly engine: EngineName
  readonly schema: SchemaInfo | undefined
  readonly onPick: (text: string) => void
  readonly className?: string
}

/** Tables and columns, below their schemas where there is more than the usual one; a click writes the name. */
export function SchemaTree({ engine, schema, onPick, className }: SchemaTreeProps) {
  const groups = schema ? schemaGroups(schema) : []
  const isFlat = groups.every((group) => group.schema === null || group.schema === 'public')
  return (
    <nav aria-label="Schema" className={cn('overflow-y-auto bg-card py-2', className)}>
      <h2 className="px-3 pb-1 text-xs font-medium text-muted-foreground">Schema</h2>
      {schema?.tables.length === 0 ? (
        <p className="px-3 text-xs text-muted-foreground">No tables yet.</p>
      ) : null}
      {groups.map(({ schema: name, tables }) => (
        <section key={name} aria-label={isFlat ? 'Tables' : `Tables of ${name}`}>
          {isFlat ? null : (
            <h3
              className="truncate px-3 pt-2 pb-0.5 font-mono text-xs font-semibold"
              title={name ?? ''}
            >
              {name}
            </h3>
          )}
          <ul>
            {tables.map((table) => (
              <TableEntry key={table.name} engine={engine} table={table} onPick={onPick} />
            ))}
          </ul>
        </section>
      ))}
    </nav>
  )
}

const entry =
  'flex h-6 min-w-0 flex-1 items-center gap-1.5 rounded-sm px-1 text-left font-mono text-xs hover:bg-accent'

interface TableEntryProps {
  readonly engine: EngineName
  readonly table: TableInfo
  readonly onPick: (text: string) => void
}

function TableEntry({ engine, table, onPick }: TableEntryProps) {
  const [open, setOpen] = useState(false)
  const Icon = table.kind === 'view' || table.kind === 'materializedView' ? Eye : Table2
  return (
    <li>
      <div className="flex items-center px-1.5">
        <button
          type="button"
          aria-expanded={open}
          aria-label={`Columns of ${table.name}`}
          onClick={() => setOpen(!open)}
          className="grid size-6 shrink-0 place-items-center rounded-sm text-muted-foreground hover:bg-accent"
        >
          <ChevronRight aria-hidden className={cn('size-3.5', open && 'rotate-90')} />
        </button>
        <button
          type="button"
          title={`Insert ${table.name}`}
          onClick={() => onPick(sqlTable(table.name, engine))}
          className={entry}
        >
          <Icon aria-hidden className="size-3.5 shrink-0 text-muted-foreground" />
          <span className="truncate">{nameInSchema(table)}</span>
        </button>
      </div>
      {open ? <Columns engine={engine} table={table} onPick={onPick} /> : null}
    </li>
  )
}

function Columns({ engine, table, onPick }: TableEntryProps) {
  return (
    <ul className="pr-1.5 pb-1 pl-9">
      {table.columns.map(({ name, type, primaryKey }) => (
        <li key={name} className="flex">
          <button
            type="button"
            title={`Insert ${name}`}
            onClick={() => onPick(sqlIdentifier(name, engine))}
            className={entry}
          >
            <span className={cn('truncate', primaryKey !== null && 'font-semibold')}>{name}</span>
            <span className="ml-auto truncate pl-2 text-[0.6875rem] text-muted-foreground">
              {type.toLowerCase()}
            </span>
          </button>
        </li>
      ))}
    </ul>
  )
}
