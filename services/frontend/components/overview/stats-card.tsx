'use client'

import type { Database, DatabaseStats } from '@db-forge/contract'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { type ReactNode, useState } from 'react'
import { FailureNotice } from '@/components/failure-notice'
import { useRoom } from '@/components/shell/use-room'
import { client, keys } from '@/lib/api'
import { cn } from '@/lib/cn'
import { formatBytes, formatSeconds } from '@/lib/format'
import { Sparkline } from './sparkline'

const EVERY_MS = 3000
const SAMPLES_MAX = 100

/** What the worker uses, told each second while the page is seen; asked for where nothing is told. */
export function StatsCard({ database }: { readonly database: Database }) {
  const queryClient = useQueryClient()
  const isTold = useRoom(`db:${database.id}`, 'metrics', ({ id, stats }) => {
    if (id === database.id) queryClient.setQueryData(keys.stats(database.name), stats)
  })
  const { data, error } = useQuery({
    queryKey: keys.stats(database.name),
    queryFn: ({ signal }) =>
      client.databases.stats({ params: { name: database.name } }, { signal }),
    refetchInterval: isTold ? false : EVERY_MS,
  })
  const samples = useSamples(data)
  if (error && !data) return <FailureNotice error={error} />
  return (
    <section
      aria-label="Use of resources"
      className="grid grid-cols-4 divide-x overflow-hidden rounded-lg border bg-card max-md:grid-cols-2 max-md:[&>*:nth-child(n+3)]:border-t max-md:[&>*:nth-child(even)]:border-r-0"
    >
      <Figure
        name="CPU"
        value={data?.cpu ? `${data.cpu.percent.toFixed(1)} %` : '—'}
        of={`of ${Math.round(database.limits.cpus * 100)} %`}
        share={data?.cpu ? data.cpu.percent / (database.limits.cpus * 100) : null}
      >
        <Sparkline
          values={samples.map(({ cpu }) => cpu?.percent ?? 0)}
          floor={5}
          label="CPU since this page was opened"
        />
      </Figure>
      <Figure
        name="Memory"
        value={data?.memory ? formatBytes(data.memory.usedBytes) : '—'}
        of={data?.memory?.limitBytes ? `of ${formatBytes(data.memory.limitBytes)}` : ''}
        share={data?.memory?.limitBytes ? data.memory.usedBytes / data.memory.limitBytes : null}
      >
        <Sparkline
          values={samples.map(({ memory }) => memory?.usedBytes ?? 0)}
          floor={1}
          label="Memory since this page was opened"
        />
      </Figure>
      <Figure
        name="Data"
        value={data ? formatBytes(data.disk.usedBytes) : '—'}
        of={data ? diskWords(data.disk) : ''}
        share={data ? data.disk.usedBytes / data.disk.limitBytes : null}
      />
      <Figure
        name="Uptime"
        value={typeof data?.uptimeSeconds === 'number' ? formatSeconds(data.uptimeSeconds) : '—'}
        of="of the worker"
        share={null}
      />
    </section>
  )
}

/** The log is worth a word once it holds more than its checkpoints leave. */
const LOG_BYTES_USUAL = 16 * 1024 * 1024

const diskWords = ({ limitBytes, walBytes }: DatabaseStats['disk']) =>
  `of ${formatBytes(limitBytes)}${(walBytes ?? 0) > LOG_BYTES_USUAL ? `, log ${formatBytes(walBytes ?? 0)}` : ''}`

/** The last figures in the order they came. */
function useSamples(data: DatabaseStats | undefined): readonly DatabaseStats[] {
  const [samples, setSamples] = useState<readonly DatabaseStats[]>([])
  if (data && samples.at(-1) !== data) setSamples([...samples.slice(1 - SAMPLES_MAX), data])
  return samples
}

interface FigureProps {
  readonly name: string
  readonly value: string
  readonly of: string
  readonly share: number | null
  readonly children?: ReactNode
}

function Figure({ name, value, of, share, children }: FigureProps) {
  return (
    <div className="relative grid min-h-24 content-start gap-0.5 p-4">
      <h2 className="text-muted-foreground">{name}</h2>
      <p className="text-lg font-semibold tabular-nums">{value}</p>
      <p className="text-xs text-muted-foreground tabular-nums">{of}</p>
      <div className="pointer-events-none absolute right-4 bottom-4 left-1/2 h-9">{children}</div>
      {share === null ? null : <ShareBar share={share} />}
    </div>
  )
}

/** The share of the limit, which the words above it say as well. */
function ShareBar({ share }: { readonly share: number }) {
  const percent = Math.min(100, share * 100)
  return (
    <div aria-hidden className="absolute inset-x-0 bottom-0 h-1 bg-muted">
      <div
        className={cn('h-full min-w-px', percent >= 90 ? 'bg-destructive' : 'bg-primary')}
        style={{ width: `${percent}%` }}
      />
    </div>
  )
}
