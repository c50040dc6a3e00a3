'use client'

import { type KeyboardEvent, type PointerEvent, useRef, useState } from 'react'

const START_PX = 220
const LEAST_PX = 88
const STEP_PX = 24

/** The height of the upper of two panes, and the handle that changes it by pointer and by keys. */
export function useSplit() {
  const box = useRef<HTMLDivElement>(null)
  const [px, setPx] = useState(START_PX)
  const mostPx = () => Math.max(LEAST_PX, (box.current?.clientHeight ?? 600) - 160)
  const set = (next: number) => setPx(Math.round(Math.min(mostPx(), Math.max(LEAST_PX, next))))

  const drag = (event: PointerEvent<HTMLElement>) => {
    if (event.buttons !== 1 || !box.current) return
    set(event.clientY - box.current.getBoundingClientRect().top)
  }
  const press = (event: KeyboardEvent) => {
    const next = { ArrowUp: px - STEP_PX, ArrowDown: px + STEP_PX, Home: LEAST_PX, End: mostPx() }[
      event.key
    ]
    if (next === undefined) return
    event.preventDefault()
    set(next)
  }

  const handle = (
    // biome-ignore lint/a11y/useSemanticElements: a rule cannot be moved; this is the window splitter pattern
    <div
      role="separator"
      aria-orientation="horizontal"
      aria-label="Height of the editor"
      aria-valuenow={px}
      aria-valuemin={LEAST_PX}
      tabIndex={0}
      onKeyDown={press}
      onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
      onPointerMove={drag}
      className="relative z-10 h-px shrink-0 cursor-row-resize touch-none bg-border before:absolute before:inset-x-0 before:-top-4.5 before:h-6 hover:bg-primary focus-visible:outline-offset-0"
    />
  )
  return { box, px, handle }
}
