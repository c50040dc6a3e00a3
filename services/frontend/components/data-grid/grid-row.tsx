// biome-ignore-all lint/a11y/useSemanticElements: a table element cannot hold rows that are placed by script
// biome-ignore-all lint/a11y/useFocusableInteractive: the grid keeps the focus for all of its cells
'use client'

import type { VirtualItem } from '@tanstack/react-virtual'
import { type MouseEvent, memo } from 'react'
import type { Cell } from '@/lib/cells'
import { cn } from '@/lib/cn'
import type { GridColumn } from './grid-columns'
import type { GridPlace } from './use-grid-keys'

export const cellId = (id: string, { row, column }: GridPlace) =>
  `${id}-${row < 0 ? 'head' : row}-${column}`

interface GridRowProps {
  readonly id: string
  readonly row: number
  readonly number: number
  readonly numberPx: number
  readonly topPx: number
  readonly heightPx: number
  readonly widthPx: number
  readonly columns: readonly GridColumn[]
  readonly shown: readonly VirtualItem[]
  readonly active: number | null
  readonly cellAt: (row: number, column: number) => Cell
  readonly onPick: (place: GridPlace) => void
  readonly onOpen: (row: number, column: number) => void
}

/** Drawn anew only when something of its own changed: scrolling draws the rows that come into sight. */
export const GridRow = memo(function GridRow(props: GridRowProps) {
  const { id, row, number, numberPx, topPx, heightPx, widthPx, columns, shown } = props
  const { active, cellAt, onPick, onOpen } = props
  const columnOf = (event: MouseEvent) => {
    const column =
      event.target instanceof Element
        ? event.target.closest('[data-column]')?.getAttribute('data-column')
        : null
    return column === null || column === undefined ? null : Number(column)
  }
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the grid's keys do the same
    <div
      role="row"
      aria-rowindex={row + 2}
      style={{ height: heightPx, width: widthPx, transform: `translateY(${topPx}px)` }}
      className="group/row absolute top-0 left-0 border-b"
      onClick={(event) => {
        const column = columnOf(event)
        if (column !== null) onPick({ row, column })
      }}
      onDoubleClick={(event) => {
        const column = columnOf(event)
        if (column !== null) onOpen(row, column)
      }}
    >
      <div
        role="rowheader"
        aria-colindex={1}
        className="sticky left-0 z-10 float-left flex h-full items-center justify-end border-r bg-muted px-2 text-muted-foreground tabular-nums"
        style={{ width: numberPx }}
      >
        {number}
      </div>
      {shown.map(({ index, start, size }) => {
        const cell = cellAt(row, index)
        return (
          <div
            key={index}
            id={cellId(id, { row, column: index })}
            role="gridcell"
            aria-colindex={index + 2}
            data-column={index}
            data-kind={cell.kind}
            data-active={active === index}
            className={cn(
              'absolute top-0 flex h-full items-center border-r px-3 whitespace-pre group-hover/row:bg-muted/60',
              'data-[kind=blob]:text-muted-foreground data-[kind=null]:text-muted-foreground data-[kind=null]:italic',
              'data-[active=true]:bg-primary-soft group-focus/grid:data-[active=true]:outline-2 group-focus/grid:data-[active=true]:outline-offset-[-2px] group-focus/grid:data-[active=true]:outline-ring group-focus/grid:data-[active=true]:outline-solid',
              columns[index]?.align === 'right' && 'justify-end tabular-nums',
            )}
            style={{ left: start, width: size }}
          >
            <span className="truncate">{cell.text}</span>
          </div>
        )
      })}
    </div>
  )
})
