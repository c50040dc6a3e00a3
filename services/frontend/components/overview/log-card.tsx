'use client'

import type { Database, LogLine, RealtimeLogs } from '@db-forge/contract'
import { RotateCw } from 'lucide-react'
import { useEffect, useId, useRef, useState } from 'react'
import { FailureNotice } from '@/components/failure-notice'
import { useRoom } from '@/components/shell/use-room'
import { Button } from '@/components/ui/button'
import { Card } from '@/components/ui/card'
import { Switch } from '@/components/ui/switch'
import { client, isSignedOut } from '@/lib/api'
import { cn } from '@/lib/cn'
import { formatCountOf, formatMoment, formatTimeOfDay } from '@/lib/format'
import { readLogLine } from '@/lib/log-line'

const TAIL = 200
const KEPT_MAX = 5000

/** The end of the worker's log; on demand it goes on as it is written. */
export function LogCard({ database }: { readonly database: Database }) {
  const [following, setFollowing] = useState(false)
  const [round, setRound] = useState(0)
  // A worker that was started anew has more to say.
  const { lines, dropped, error } = useLog(database, following, `${round} ${database.state}`)
  const switchId = useId()
  return (
    <Card
      title="Worker log"
      actions={
        <>
          <label htmlFor={switchId} className="text-muted-foreground">
            Follow
          </label>
          <Switch id={switchId} checked={following} onCheckedChange={setFollowing} />
          <Button
            variant="ghost"
            size="icon"
            aria-label="Read again"
            title="Read again"
            onClick={() => setRound(round + 1)}
          >
            <RotateCw aria-hidden />
          </Button>
        </>
      }
    >
      {error ? <FailureNotice error={error} className="m-3" /> : null}
      {dropped > 0 ? (
        <p className="px-4 pt-2 text-muted-foreground">
          {formatCountOf(dropped, 'line')} came faster than this page could take them.
        </p>
      ) : null}
      {lines ? <LogLines lines={lines} /> : null}
    </Card>
  )
}

function LogLines({ lines }: { readonly lines: readonly LogLine[] }) {
  const box = useRef<HTMLDivElement>(null)
  const atEnd = useRef(true)

  // biome-ignore lint/correctness/useExhaustiveDependencies: new lines move the end
  useEffect(() => {
    if (atEnd.current && box.current) box.current.scrollTop = box.current.scrollHeight
  }, [lines])

  return (
    <div
      ref={box}
      role="log"
      aria-live="off"
      aria-label="Worker log"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
      tabIndex={0}
      onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
        atEnd.current = scrollHeight - scrollTop - clientHeight < 8
      }}
      className="max-h-72 overflow-auto rounded-b-lg py-2 font-mono text-xs leading-5"
    >
      {lines.length === 0 ? (
        <p className="px-4 font-sans text-sm text-muted-foreground">
          The worker has written nothing yet.
        </p>
      ) : null}
      {lines.map(({ at, stream, line }, place) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: lines have no identity but their place
        <p key={place} className="flex gap-3 px-4 hover:bg-muted">
          <time dateTime={at} title={formatMoment(at)} className="shrink-0 text-muted-foreground">
            {formatTimeOfDay(at)}
          </time>
          <LogText line={line} isError={stream === 'stderr'} />
        </p>
      ))}
    </div>
  )
}

function LogText({ line, isError }: { readonly line: string; readonly isError: boolean }) {
  const read = readLogLine(line)
  const bad = read ? /^(?:error|fatal)$/.test(read.level) : isError
  return (
    <span className={cn('min-w-0 wrap-anywhere whitespace-pre-wrap', bad && 'text-destructive')}>
      {read ? (
        <>
          {read.level && read.level !== 'info' ? `${read.level}: ` : ''}
          {read.message} <span className="text-muted-foreground">{read.rest}</span>
        </>
      ) : (
        line
      )}
    </span>
  )
}

/** Told through a room where there is a live connection, read from an endless answer where there is none. */
function useLog(database: Database, following: boolean, round: string) {
  const [told, setTold] = useState<Told>(NOTHING_TOLD)
  const isTold = useRoom(following ? `logs:${database.id}` : null, 'logs', (part) => {
    if (part.id === database.id) setTold((before) => withLines(before, part))
  })
  if (isTold === false && told !== NOTHING_TOLD) setTold(NOTHING_TOLD)
  const read = useReadLog(database.name, following, isTold === false, round)
  return told === NOTHING_TOLD ? { ...read, dropped: 0 } : { ...told, error: null }
}

interface Told {
  readonly lines: readonly LogLine[]
  /** This page was too slow for so many. */
  readonly dropped: number
}

const NOTHING_TOLD: Told = { lines: [], dropped: 0 }

const withLines = (before: Told, { lines, dropped }: RealtimeLogs): Told => ({
  lines: [...before.lines, ...lines].slice(-KEPT_MAX),
  dropped: before.dropped + dropped,
})

function useReadLog(name: string, following: boolean, wanted: boolean, round: string) {
  const [lines, setLines] = useState<readonly LogLine[] | null>(null)
  const [error, setError] = useState<unknown>(null)

  // biome-ignore lint/correctness/useExhaustiveDependencies: a new round reads again
  useEffect(() => {
    if (!wanted) return
    const reading = new AbortController()
    const kept: LogLine[] = []
    let drawn = 0
    const draw = () => {
      if (reading.signal.aborted) return
      setLines(kept.slice(-KEPT_MAX))
      setError(null)
    }
    const read = async () => {
      const query = { tail: TAIL, ...(following ? { follow: 'true' } : {}) }
      for await (const line of client.databases.logs(
        { params: { name }, query },
        { signal: reading.signal },
      )) {
        kept.push(line)
        if (kept.length > 2 * KEPT_MAX) kept.splice(0, KEPT_MAX)
        // Lines come in bursts; one drawing serves all of a frame.
        cancelAnimationFrame(drawn)
        drawn = requestAnimationFrame(draw)
      }
      draw()
    }
    read().catch((failure: unknown) => {
      if (!reading.signal.aborted && !isSignedOut(failure)) setError(failure)
    })
    return () => reading.abort()
  }, [name, following, wanted, round])

  return { lines, error }
}
