// biome-ignore-all lint/a11y/useSemanticElements: a table element cannot hold rows that are placed by script
// biome-ignore-all lint/a11y/useFocusableInteractive: the grid keeps the focus for all of its cells
'use client'

import type { VirtualItem } from '@tanstack/react-virtual'
import { ArrowDown, ArrowUp } from 'lucide-react'
import { cn } from '@/lib/cn'
import type { GridColumn } from './grid-columns'

export interface GridSort {
  readonly column: string
  readonly descending: boolean
}

interface GridHeadProps {
  readonly columns: readonly GridColumn[]
  readonly shown: readonly VirtualItem[]
  readonly widthPx: number
  readonly numberPx: number
  readonly heightPx: number
  readonly active: number | null
  readonly idOf: (column: number) => string
  readonly sort?: GridSort | null
  readonly onSort?: (column: number) => void
}

export function GridHead(props: GridHeadProps) {
  const { columns, shown, widthPx, numberPx, heightPx, active, idOf, sort, onSort } = props
  return (
    <div role="rowgroup" className="sticky top-0 z-20" style={{ height: heightPx, width: widthPx }}>
      <div role="row" aria-rowindex={1} className="relative h-full min-w-full border-b bg-muted">
        <div
          role="columnheader"
          aria-colindex={1}
          className="sticky left-0 z-10 float-left h-full border-r bg-muted"
          style={{ width: numberPx }}
        >
          <span className="sr-only">Row</span>
        </div>
        {shown.map(({ index, start, size }) => {
          const column = columns[index]
          return column ? (
            // biome-ignore lint/a11y/useKeyWithClickEvents: Enter does the same
            <div
              key={index}
              id={idOf(index)}
              role="columnheader"
              aria-colindex={index + 2}
              aria-sort={
                sort?.column === column.name
                  ? sort.descending
                    ? 'descending'
                    : 'ascending'
                  : undefined
              }
              data-active={active === index}
              onClick={onSort ? () => onSort(index) : undefined}
              className={cn(
                'absolute top-0 grid h-full content-center border-r px-3 leading-4',
                'group-focus/grid:data-[active=true]:outline-2 group-focus/grid:data-[active=true]:outline-offset-[-2px] group-focus/grid:data-[active=true]:outline-ring group-focus/grid:data-[active=true]:outline-solid',
                onSort && 'cursor-pointer hover:bg-accent',
                column.align === 'right' && 'justify-items-end',
              )}
              style={{ left: start, width: size }}
            >
              <span className="flex max-w-full items-center gap-1 font-semibold">
                <span className="truncate">{column.name}</span>
                {sort?.column === column.name ? <SortIcon descending={sort.descending} /> : null}
              </span>
              <span className="max-w-full truncate text-[0.6875rem] text-muted-foreground">
                {column.about}
              </span>
            </div>
          ) : null
        })}
      </div>
    </div>
  )
}

function SortIcon({ descending }: { readonly descending: boolean }) {
  const Icon = descending ? ArrowDown : ArrowUp
  return <Icon aria-hidden className="size-3 shrink-0 text-primary" />
}
