// biome-ignore-all lint/a11y/useSemanticElements: a table element cannot hold rows that are placed by script
'use client'

import { useVirtualizer } from '@tanstack/react-virtual'
import { useId, useRef } from 'react'
import type { Cell } from '@/lib/cells'
import { copyText } from '@/lib/clipboard'
import { cn } from '@/lib/cn'
import type { GridColumn } from './grid-columns'
import { GridHead, type GridSort } from './grid-head'
import { cellId, GridRow } from './grid-row'
import { useGridKeys } from './use-grid-keys'

const ROW_PX = 28
const HEAD_PX = 44

interface DataGridProps {
  readonly label: string
  readonly columns: readonly GridColumn[]
  readonly rowCount: number
  /** The number that the first row bears. */
  readonly firstNumber?: number
  /** This and `onOpen` stay the same function while the rows do, so that only new rows are drawn. */
  readonly cellAt: (row: number, column: number) => Cell
  /** The whole of a cell, for copying. */
  readonly wholeAt: (row: number, column: number) => string
  readonly onOpen: (row: number, column: number) => void
  readonly sort?: GridSort | null
  readonly onSort?: (column: number) => void
  readonly className?: string
}

/**
 * A table of any size: only the rows and columns in sight are in the document. The grid keeps the focus and names
 * its active cell, so that scrolling never takes the focus away.
 */
export function DataGrid(props: DataGridProps) {
  const {
    label,
    columns,
    rowCount,
    firstNumber = 1,
    cellAt,
    wholeAt,
    onOpen,
    onSort,
    className,
  } = props
  const id = useId()
  const box = useRef<HTMLDivElement>(null)
  const numberPx = 20 + String(firstNumber + rowCount).length * 7.5
  const { rows, cells } = useVirtualPlaces(box, columns, rowCount, numberPx)
  const keys = useGridKeys({
    rowCount,
    columnCount: columns.length,
    pageRows: () =>
      Math.max(1, Math.floor(((box.current?.clientHeight ?? 0) - HEAD_PX) / ROW_PX) - 1),
    onMove: ({ row, column }) => {
      if (row >= 0) rows.scrollToIndex(row)
      cells.scrollToIndex(column)
    },
    onEnter: ({ row, column }) => (row < 0 ? onSort?.(column) : onOpen(row, column)),
    onCopy: ({ row, column }) =>
      void copyText(row < 0 ? (columns[column]?.name ?? '') : wholeAt(row, column)),
  })
  const { active } = keys
  const shownColumns = cells.getVirtualItems()
  const shownRows = rows.getVirtualItems()
  const inSight =
    (active.row < 0 || shownRows.some(({ index }) => index === active.row)) &&
    shownColumns.some(({ index }) => index === active.column)
  const widthPx = cells.getTotalSize()
  return (
    <div
      ref={box}
      role="grid"
      aria-label={label}
      aria-rowcount={rowCount + 1}
      aria-colcount={columns.length + 1}
      aria-activedescendant={inSight ? cellId(id, active) : undefined}
      tabIndex={0}
      onKeyDown={keys.onKeyDown}
      className={cn(
        'group/grid relative overflow-auto bg-card font-mono text-xs outline-offset-[-2px]',
        // The active cell shows the focus.
        inSight && 'outline-none',
        className,
      )}
    >
      <GridHead
        columns={columns}
        shown={shownColumns}
        widthPx={widthPx}
        numberPx={numberPx}
        heightPx={HEAD_PX}
        active={active.row < 0 ? active.column : null}
        idOf={(column) => cellId(id, { row: -1, column })}
        {...(props.sort === undefined ? {} : { sort: props.sort })}
        {...(onSort ? { onSort } : {})}
      />
      <div
        role="rowgroup"
        className="relative"
        style={{ height: rows.getTotalSize() - HEAD_PX, width: widthPx }}
      >
        {shownRows.map((row) => (
          <GridRow
            key={row.index}
            id={id}
            row={row.index}
            number={firstNumber + row.index}
            numberPx={numberPx}
            topPx={row.start - HEAD_PX}
            heightPx={ROW_PX}
            widthPx={widthPx}
            columns={columns}
            shown={shownColumns}
            active={active.row === row.index ? active.column : null}
            cellAt={cellAt}
            onPick={keys.setActive}
            onOpen={onOpen}
          />
        ))}
      </div>
    </div>
  )
}

function useVirtualPlaces(
  box: { readonly current: HTMLDivElement | null },
  columns: readonly GridColumn[],
  rowCount: number,
  numberPx: number,
) {
  const rows = useVirtualizer({
    count: rowCount,
    getScrollElement: () => box.current,
    estimateSize: () => ROW_PX,
    paddingStart: HEAD_PX,
    scrollPaddingStart: HEAD_PX,
    overscan: 8,
  })
  const cells = useVirtualizer({
    horizontal: true,
    count: columns.length,
    getScrollElement: () => box.current,
    estimateSize: (index) => columns[index]?.width ?? 100,
    paddingStart: numberPx,
    scrollPaddingStart: numberPx,
    overscan: 3,
  })
  return { rows, cells }
}
