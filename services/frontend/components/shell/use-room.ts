'use client'

import type { RealtimeClosed, RealtimeLogs, RealtimeMetrics, RoomName } from '@db-forge/contract'
import { useEffect, useRef, useState } from 'react'
import { useIsVisible } from '@/lib/hooks'
import { useLiveSocket } from './live-provider'

interface RoomEvents {
  readonly metrics: RealtimeMetrics
  readonly logs: RealtimeLogs
}

/**
 * Is in a room while the page is seen, and hears of one kind of event there. Whether it is in: null while that is
 * not known, or nobody looks.
 */
export function useRoom<E extends keyof RoomEvents>(
  room: RoomName | null,
  event: E,
  take: (value: RoomEvents[E]) => void,
): boolean | null {
  const socket = useLiveSocket()
  const isVisible = useIsVisible()
  const [isIn, setIsIn] = useState<boolean | null>(null)
  const taking = useRef(take)
  useEffect(() => {
    taking.current = take
  })

  useEffect(() => {
    if (!socket || room === null || !isVisible) return
    let ended = false
    const hear = (value: RoomEvents[keyof RoomEvents]) => taking.current(value as RoomEvents[E])
    const heard: keyof RoomEvents = event
    const onClosed = (closed: RealtimeClosed) => closed.room === room && setIsIn(false)
    socket.on(heard, hear)
    socket.on('closed', onClosed)
    socket.emit('join', room, ({ ok }) => {
      if (!ended) setIsIn(ok)
    })
    return () => {
      ended = true
      socket.off(heard, hear)
      socket.off('closed', onClosed)
      socket.emit('leave', room, () => {})
      setIsIn(null)
    }
  }, [socket, room, event, isVisible])

  return socket && room !== null ? isIn : false
}
