'use client'

import type { ColumnInfo } from '@db-forge/contract'
import { Plus, X } from 'lucide-react'
import { type SubmitEvent, useState } from 'react'
import { Button } from '@/components/ui/button'
import { Input } from '@/components/ui/input'
import { NativeSelect } from '@/components/ui/native-select'
import {
  conditionOf,
  FILTER_OPERATORS,
  type FilterOperator,
  type RowFilter,
} from '@/lib/table-view'

interface FilterBarProps {
  readonly columns: readonly ColumnInfo[]
  readonly filters: readonly RowFilter[]
  readonly onFilters: (filters: readonly RowFilter[]) => void
}

/** Filters as chips in the API's grammar, and a form for one more. */
export function FilterBar({ columns, filters, onFilters }: FilterBarProps) {
  const [adding, setAdding] = useState(false)
  return (
    <div className="flex min-h-10 shrink-0 flex-wrap items-center gap-1.5 border-b bg-card px-3 py-1">
      {filters.map((filter) => (
        <span
          key={`${filter.column}=${filter.condition}`}
          className="flex h-7 max-w-full items-center rounded-md border bg-muted pl-2 font-mono text-xs"
        >
          <span className="truncate">
            {filter.column}={filter.condition}
          </span>
          <button
            type="button"
            aria-label={`Remove the filter ${filter.column}=${filter.condition}`}
            onClick={() => onFilters(filters.filter((other) => other !== filter))}
            className="grid size-6.5 place-items-center rounded-sm text-muted-foreground hover:text-foreground"
          >
            <X aria-hidden className="size-3.5" />
          </button>
        </span>
      ))}
      {adding ? (
        <FilterForm
          columns={columns}
          onAdd={(filter) => {
            onFilters([...filters, filter])
            setAdding(false)
          }}
          onCancel={() => setAdding(false)}
        />
      ) : (
        <Button variant="ghost" size="sm" onClick={() => setAdding(true)}>
          <Plus aria-hidden />
          Filter
        </Button>
      )}
    </div>
  )
}

interface FilterFormProps {
  readonly columns: readonly ColumnInfo[]
  readonly onAdd: (filter: RowFilter) => void
  readonly onCancel: () => void
}

function FilterForm({ columns, onAdd, onCancel }: FilterFormProps) {
  function submit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault()
    const fields = new FormData(event.currentTarget)
    const operator = String(fields.get('operator')) as FilterOperator
    onAdd({
      column: String(fields.get('column')),
      condition: conditionOf(operator, String(fields.get('value'))),
    })
  }
  return (
    <form
      onSubmit={submit}
      onKeyDown={(event) => event.key === 'Escape' && onCancel()}
      className="flex flex-wrap items-center gap-1.5"
    >
      <NativeSelect
        aria-label="Column"
        name="column"
        autoFocus
        className="h-7 max-w-44 font-mono text-xs"
      >
        {columns.map(({ name }) => (
          <option key={name}>{name}</option>
        ))}
      </NativeSelect>
      <NativeSelect aria-label="Comparison" name="operator" className="h-7 max-w-44 text-xs">
        {Object.entries(FILTER_OPERATORS).map(([operator, words]) => (
          <option key={operator} value={operator}>
            {words}
          </option>
        ))}
      </NativeSelect>
      <Input
        aria-label="Value"
        name="value"
        placeholder="value"
        autoComplete="off"
        className="h-7 w-40 font-mono text-xs"
      />
      <Button type="submit" size="sm">
        Add
      </Button>
      <Button variant="ghost" size="sm" onClick={onCancel}>
        Cancel
      </Button>
    </form>
  )
}
