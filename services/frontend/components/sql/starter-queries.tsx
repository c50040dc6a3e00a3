'use client'

import type { SchemaInfo } from '@db-forge/contract'
import { sqlIdentifier } from '@/lib/sql-identifier'

interface StarterQueriesProps {
  readonly schema: SchemaInfo | undefined
  readonly onPick: (sql: string) => void
}

/** What to try first, made from the tables there are. */
export function StarterQueries({ schema, onPick }: StarterQueriesProps) {
  return (
    <section className="grid max-w-2xl grid-cols-[minmax(0,1fr)] content-start gap-2 p-4">
      <h2 className="font-semibold">Results appear here</h2>
      <p className="text-muted-foreground">
        {schema
          ? 'Write a statement, or begin with one of these:'
          : 'Write a statement and run it.'}
      </p>
      <ul className="grid grid-cols-[minmax(0,1fr)] justify-items-start gap-1.5">
        {(schema ? startersFor(schema) : []).map((sql) => (
          <li key={sql} className="max-w-full">
            <button
              type="button"
              onClick={() => onPick(sql)}
              className="max-w-full truncate rounded-md border bg-card px-2.5 py-1.5 text-left font-mono text-xs hover:bg-accent"
            >
              {sql}
            </button>
          </li>
        ))}
      </ul>
    </section>
  )
}

function startersFor({ tables }: SchemaInfo): readonly string[] {
  const catalogue = 'select type, name, tbl_name from sqlite_schema order by type, name;'
  const first = tables[0]
  if (!first)
    return [
      'create table notes (id integer primary key, body text not null);',
      'select sqlite_version();',
      catalogue,
    ]
  const referring = tables.find(({ foreignKeys }) => foreignKeys.length > 0)
  return [
    `select * from ${sqlIdentifier(first.name)} limit 100;`,
    joinOf(referring) ?? `select count(*) from ${sqlIdentifier(first.name)};`,
    catalogue,
  ]
}

/** A table beside the one it refers to. */
function joinOf(table: SchemaInfo['tables'][number] | undefined): string | null {
  const key = table?.foreignKeys[0]
  if (!table || !key || key.references.some((column) => column === null)) return null
  const on = key.columns.map(
    (column, place) =>
      `a.${sqlIdentifier(column)} = b.${sqlIdentifier(key.references[place] ?? '')}`,
  )
  return `select * from ${sqlIdentifier(table.name)} a join ${sqlIdentifier(key.table)} b on ${on.join(' and ')} limit 100;`
}
