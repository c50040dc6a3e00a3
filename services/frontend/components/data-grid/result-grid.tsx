'use client'

import type { Column, JsonValue } from '@db-forge/contract'
import dynamic from 'next/dynamic'
import { useCallback, useMemo, useState } from 'react'
import { describeCell, isNumeric, wholeCell } from '@/lib/cells'
import { DataGrid } from './data-grid'
import { type GridColumn, widthOf } from './grid-columns'
import type { GridSort } from './grid-head'

const CellDialog = dynamic(() => import('./cell-dialog').then((module) => module.CellDialog), {
  ssr: false,
})

interface ResultGridProps {
  readonly label: string
  readonly columns: readonly Column[]
  readonly rows: readonly (readonly JsonValue[])[]
  readonly firstNumber?: number
  readonly sort?: GridSort | null
  readonly onSort?: (column: string) => void
  readonly className?: string
}

/** The rows of an answer in a grid. */
export function ResultGrid({ label, columns, rows, onSort, ...rest }: ResultGridProps) {
  const [open, setOpen] = useState<{ readonly row: number; readonly column: number } | null>(null)
  const gridColumns = useMemo(
    () => columns.map((column, index) => gridColumn(column, index, rows)),
    [columns, rows],
  )
  const valueAt = (row: number, column: number) => rows[row]?.[column] ?? null
  const typeAt = (column: number) => columns[column]?.type ?? 'any'
  const cellAt = useCallback(
    (row: number, column: number) =>
      describeCell(rows[row]?.[column] ?? null, columns[column]?.type ?? 'any'),
    [rows, columns],
  )
  const openCell = useCallback((row: number, column: number) => setOpen({ row, column }), [])
  return (
    <>
      <DataGrid
        label={label}
        columns={gridColumns}
        rowCount={rows.length}
        cellAt={cellAt}
        wholeAt={(row, column) => wholeCell(valueAt(row, column), typeAt(column))}
        onOpen={openCell}
        {...(onSort ? { onSort: (column: number) => onSort(columns[column]?.name ?? '') } : {})}
        {...rest}
      />
      {open ? (
        <CellDialog
          column={columns[open.column]?.name ?? ''}
          row={(rest.firstNumber ?? 1) + open.row}
          value={valueAt(open.row, open.column)}
          type={typeAt(open.column)}
          onClose={() => setOpen(null)}
        />
      ) : null}
    </>
  )
}

function gridColumn(column: Column, index: number, rows: ResultGridProps['rows']): GridColumn {
  const about = (column.declared ?? '').toLowerCase() || (column.type === 'any' ? '' : column.type)
  const textAt = (row: number) => describeCell(rows[row]?.[index] ?? null, column.type).text
  return {
    name: column.name,
    about,
    align: isNumeric(column.type) ? 'right' : 'left',
    width: widthOf([column.name, about], rows.length, textAt),
  }
}
