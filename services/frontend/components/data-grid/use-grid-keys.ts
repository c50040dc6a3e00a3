'use client'

import { type KeyboardEvent, useState } from 'react'

export interface GridPlace {
  /** −1 is the head. */
  readonly row: number
  readonly column: number
}

interface GridKeysOptions {
  readonly rowCount: number
  readonly columnCount: number
  readonly pageRows: () => number
  readonly onMove: (place: GridPlace) => void
  readonly onEnter: (place: GridPlace) => void
  readonly onCopy: (place: GridPlace) => void
}

/** The active cell of a grid and the keys that move it. The grid itself keeps the focus. */
export function useGridKeys({
  rowCount,
  columnCount,
  pageRows,
  onMove,
  onEnter,
  onCopy,
}: GridKeysOptions) {
  const [wanted, setActive] = useState<GridPlace>({ row: 0, column: 0 })
  const clamp = ({ row, column }: GridPlace): GridPlace => ({
    row: Math.max(-1, Math.min(rowCount - 1, row)),
    column: Math.max(0, Math.min(columnCount - 1, column)),
  })
  const active = clamp(wanted)

  const moveTo = (place: GridPlace) => {
    const next = clamp(place)
    setActive(next)
    onMove(next)
  }

  const onKeyDown = (event: KeyboardEvent) => {
    const next = placeAfter(event, active, { rowCount, columnCount, pageRows: pageRows() })
    if (next) moveTo(next)
    else if (event.key === 'Enter') onEnter(active)
    else if (
      event.key === 'c' &&
      (event.ctrlKey || event.metaKey) &&
      !window.getSelection()?.toString()
    )
      onCopy(active)
    else return
    event.preventDefault()
  }

  return { active, setActive, moveTo, onKeyDown }
}

interface Extent {
  readonly rowCount: number
  readonly columnCount: number
  readonly pageRows: number
}

function placeAfter(
  event: KeyboardEvent,
  { row, column }: GridPlace,
  extent: Extent,
): GridPlace | null {
  const far = event.ctrlKey || event.metaKey
  switch (event.key) {
    case 'ArrowUp':
      return { row: far ? 0 : row - 1, column }
    case 'ArrowDown':
      return { row: far ? extent.rowCount - 1 : row + 1, column }
    case 'ArrowLeft':
      return { row, column: far ? 0 : column - 1 }
    case 'ArrowRight':
      return { row, column: far ? extent.columnCount - 1 : column + 1 }
    case 'Home':
      return { row: far ? 0 : row, column: 0 }
    case 'End':
      return { row: far ? extent.rowCount - 1 : row, column: extent.columnCount - 1 }
    case 'PageUp':
      return { row: Math.max(0, row - extent.pageRows), column }
    case 'PageDown':
      return { row: row + extent.pageRows, column }
    default:
      return null
  }
}
