'use client'

import { type Database, DatabaseState, EngineName } from '@db-forge/contract'
import { Search } from 'lucide-react'
import { useSearchParams } from 'next/navigation'
import { useState } from 'react'
import { Button } from '@/components/ui/button'
import { Input } from '@/components/ui/input'
import { NativeSelect } from '@/components/ui/native-select'
import {
  type DatabaseFilter,
  filterDatabases,
  readDatabaseFilter,
  writeDatabaseFilter,
} from '@/lib/database-filter'
import { engineWords } from '@/lib/engines'
import { formatCount, formatCountOf } from '@/lib/format'
import { DatabaseTable } from './database-table'

const SHOWN_AT_FIRST = 200
/** Deleted ones are on a page of their own. */
const STATES = DatabaseState.exclude(['deleted']).options

/** The databases that the filter lets through. */
export function DatabaseList({ databases }: { readonly databases: readonly Database[] }) {
  const [filter, setFilter] = useFilterInUrl()
  const [shown, setShown] = useState(SHOWN_AT_FIRST)
  const matching = filterDatabases(databases, filter)
  return (
    <>
      <FilterFields filter={filter} onFilter={setFilter} />
      <div className="overflow-x-auto rounded-lg border bg-card">
        {matching.length > 0 ? (
          <DatabaseTable databases={matching.slice(0, shown)} />
        ) : (
          <p className="p-6 text-center text-muted-foreground">{noneOf(filter)}</p>
        )}
      </div>
      {matching.length > shown ? (
        <div className="flex items-center gap-3">
          <Button onClick={() => setShown(shown + SHOWN_AT_FIRST)}>Show more</Button>
          <p className="text-muted-foreground">
            {formatCount(shown)} of {formatCountOf(matching.length, 'database')} are shown.
          </p>
        </div>
      ) : null}
    </>
  )
}

interface FilterFieldsProps {
  readonly filter: DatabaseFilter
  readonly onFilter: (filter: DatabaseFilter) => void
}

function FilterFields({ filter, onFilter }: FilterFieldsProps) {
  return (
    <div className="flex flex-wrap gap-2">
      <div className="relative w-full max-w-xs">
        <Search aria-hidden className="absolute top-2.25 left-2.5 size-3.5 text-muted-foreground" />
        <Input
          type="search"
          aria-label="Filter by name"
          placeholder="Filter by name"
          value={filter.search}
          onChange={(event) => onFilter({ ...filter, search: event.target.value })}
          className="pl-8"
        />
      </div>
      <NativeSelect
        aria-label="Filter by engine"
        value={filter.engine ?? ''}
        onChange={({ target: { value } }) =>
          onFilter({ ...filter, engine: value === '' ? null : EngineName.parse(value) })
        }
      >
        <option value="">Every engine</option>
        {EngineName.options.map((engine) => (
          <option key={engine} value={engine}>
            {engineWords[engine].label}
          </option>
        ))}
      </NativeSelect>
      <NativeSelect
        aria-label="Filter by state"
        value={filter.state ?? ''}
        onChange={({ target: { value } }) =>
          onFilter({ ...filter, state: value === '' ? null : DatabaseState.parse(value) })
        }
      >
        <option value="">Every state</option>
        {STATES.map((state) => (
          <option key={state} value={state}>
            {state}
          </option>
        ))}
      </NativeSelect>
    </div>
  )
}

function noneOf({ search, engine, state }: DatabaseFilter): string {
  const of = engine ? ` of a ${engineWords[engine].label} database` : ''
  if (state) return `No database that the other filters let through is ${state}.`
  return search.trim()
    ? `No name${of} contains “${search.trim()}”.`
    : `There is no ${engine ? `${engineWords[engine].label} ` : ''}database.`
}

/** What the filter holds, kept in the address so that a reload or a link finds it again. */
function useFilterInUrl() {
  const [filter, setFilter] = useState(readDatabaseFilter(useSearchParams()))
  return [
    filter,
    (next: DatabaseFilter) => {
      setFilter(next)
      const search = writeDatabaseFilter(next)
      window.history.replaceState(null, '', search || window.location.pathname)
    },
  ] as const
}
