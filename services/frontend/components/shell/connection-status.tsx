'use client'

import { cn } from '@/lib/cn'
import { type LiveStatus, useLiveStatus } from './live-provider'

const looks: Record<
  LiveStatus,
  { readonly text: string; readonly title: string; readonly dot: string }
> = {
  connecting: { text: 'Connecting', title: 'Opening the live connection', dot: 'bg-info' },
  live: { text: 'Live', title: 'Changes appear as they happen', dot: 'bg-success' },
  reconnecting: {
    text: 'Reconnecting',
    title: 'The live connection was lost',
    dot: 'bg-warning animate-pulse',
  },
  away: {
    text: 'No connection',
    title: 'The gateway does not answer',
    dot: 'bg-destructive',
  },
  polling: {
    text: 'Polling',
    title: 'No live connection: asking every few seconds',
    dot: 'bg-warning',
  },
}

export function ConnectionStatus() {
  const { text, title, dot } = looks[useLiveStatus()]
  return (
    <p
      role="status"
      title={title}
      className="flex items-center gap-1.5 px-1 text-xs text-muted-foreground"
    >
      <span aria-hidden className={cn('size-2 rounded-full', dot)} />
      <span className="max-sm:sr-only">{text}</span>
    </p>
  )
}
