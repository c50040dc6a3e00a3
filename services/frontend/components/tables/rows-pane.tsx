'use client'

import type { Database, QueryResult, TableInfo } from '@db-forge/contract'
import { keepPreviousData, useQuery, useQueryClient } from '@tanstack/react-query'
import { ChevronLeft, ChevronRight, RotateCw } from 'lucide-react'
import { ResultGrid } from '@/components/data-grid/result-grid'
import { FailureNotice } from '@/components/failure-notice'
import { Button } from '@/components/ui/button'
import { client, keys } from '@/lib/api'
import { cn } from '@/lib/cn'
import { formatCount, formatMilliseconds } from '@/lib/format'
import { rowsOf } from '@/lib/result-rows'
import { filterParameters, nextSort, type TableView } from '@/lib/table-view'
import { FilterBar } from './filter-bar'

const PAGE_ROWS = 100

interface RowsPaneProps {
  readonly database: Database
  readonly info: TableInfo
  readonly view: TableView
  readonly onView: (view: TableView) => void
}

/** A page of rows, filtered and sorted by the server. */
export function RowsPane({ database, info, view, onView }: RowsPaneProps) {
  const { data, error, isFetching, isPlaceholderData } = useRows(database, info.name, view)
  const queryClient = useQueryClient()
  const refresh = () =>
    queryClient.invalidateQueries({
      queryKey: keys.database(database.name),
      predicate: ({ queryKey }) => queryKey.length > 2,
    })
  return (
    <>
      <FilterBar
        columns={info.columns}
        filters={view.filters}
        onFilters={(filters) => onView({ ...view, filters, page: 1 })}
      />
      {error ? <FailureNotice error={error} className="m-3" /> : null}
      {data && !error ? (
        <ResultGrid
          // Another page begins at its top.
          key={`${view.page} ${data.columns.length}`}
          label={`Rows of ${info.name}`}
          columns={data.columns}
          rows={rowsOf(data)}
          firstNumber={(view.page - 1) * PAGE_ROWS + 1}
          sort={view.sort}
          onSort={(column) => onView({ ...view, sort: nextSort(view.sort, column), page: 1 })}
          className={cn('min-h-0 flex-1 max-md:max-h-[70dvh]', isPlaceholderData && 'opacity-60')}
        />
      ) : error ? null : (
        <div role="status" aria-label="Loading the rows" className="flex-1 bg-card" />
      )}
      {error ? null : (
        <Pager
          view={view}
          data={data}
          total={view.filters.length === 0 ? info.rowCount : null}
          busy={isFetching}
          onPage={(page) => onView({ ...view, page })}
          onRefresh={() => void refresh()}
        />
      )}
    </>
  )
}

function useRows(database: Database, table: string, { filters, sort, page }: TableView) {
  return useQuery({
    queryKey: keys.rows(database.name, table, { filters, sort, page }),
    queryFn: ({ signal }) =>
      client.rows.list(
        {
          params: { name: database.name, table },
          query: {
            limit: PAGE_ROWS,
            offset: (page - 1) * PAGE_ROWS,
            rowFormat: 'array',
            ...(sort ? { order: `${sort.column}.${sort.descending ? 'desc' : 'asc'}` } : {}),
          },
          filters: filterParameters(filters),
        },
        { signal },
      ),
    placeholderData: (before, query) =>
      query?.queryKey[3] === table ? keepPreviousData(before) : undefined,
  })
}

interface PagerProps {
  readonly view: TableView
  readonly data: QueryResult | undefined
  readonly total: number | null
  readonly busy: boolean
  readonly onPage: (page: number) => void
  readonly onRefresh: () => void
}

function Pager({ view, data, total, busy, onPage, onRefresh }: PagerProps) {
  return (
    <div className="flex min-h-10 shrink-0 flex-wrap items-center gap-2 border-t bg-card px-3 text-xs">
      <Button
        variant="ghost"
        size="icon"
        aria-label="Read the rows again"
        title="Read the rows again"
        onClick={onRefresh}
      >
        <RotateCw aria-hidden className={busy ? 'animate-spin' : ''} />
      </Button>
      <p role="status" className="tabular-nums">
        {data ? placeOf(view.page, data, total) : ''}
      </p>
      {data ? (
        <p className="text-muted-foreground tabular-nums">
          {formatMilliseconds(data.durationMs)} in the database
        </p>
      ) : null}
      <nav aria-label="Pages of rows" className="ml-auto flex items-center gap-1">
        <Button size="sm" disabled={view.page <= 1} onClick={() => onPage(view.page - 1)}>
          <ChevronLeft aria-hidden />
          Previous
        </Button>
        <span className="px-1 tabular-nums">Page {formatCount(view.page)}</span>
        <Button size="sm" disabled={!data?.truncated} onClick={() => onPage(view.page + 1)}>
          Next
          <ChevronRight aria-hidden />
        </Button>
      </nav>
    </div>
  )
}

function placeOf(page: number, { rows, truncated }: QueryResult, total: number | null): string {
  if (rows.length === 0) return page > 1 ? 'No rows on this page' : 'No rows'
  const first = (page - 1) * PAGE_ROWS + 1
  const range = `Rows ${formatCount(first)}–${formatCount(first + rows.length - 1)}`
  if (total !== null) return `${range} of ${formatCount(total)}`
  return truncated ? `${range}, more follow` : range
}
