'use client'

import type { Database } from '@db-forge/contract'
import dynamic from 'next/dynamic'
import { type ReactNode, useState } from 'react'
import { CopyButton } from '@/components/copyable'
import { EngineMark } from '@/components/databases/engine-mark'
import { StateBadge } from '@/components/databases/state-badge'
import { Button } from '@/components/ui/button'
import { Card } from '@/components/ui/card'
import { formatMebibytes, formatMilliseconds, formatMoment } from '@/lib/format'

const LimitsDialog = dynamic(
  () => import('./limits-dialog').then((module) => module.LimitsDialog),
  { ssr: false },
)

export function FactsCard({ database }: { readonly database: Database }) {
  const { id, state, desired, reason, engine, runtime, limits, createdAt, updatedAt, revision } =
    database
  const [changing, setChanging] = useState(false)
  return (
    <Card
      title="Details"
      actions={
        <Button size="sm" onClick={() => setChanging(true)}>
          Change limits
        </Button>
      }
    >
      {changing ? <LimitsDialog database={database} onClose={() => setChanging(false)} /> : null}
      <dl className="divide-y">
        <Fact name="State">
          <StateBadge state={state} />
          {reason ? <p className="text-xs text-muted-foreground">{reason}</p> : null}
        </Fact>
        {desired !== state && desired !== 'purged' ? <Fact name="Asked for">{desired}</Fact> : null}
        <Fact name="Engine">
          <EngineMark database={database} />
        </Fact>
        <Fact name="Runtime">{runtime}</Fact>
        <Fact name="CPU limit">{limits.cpus === 1 ? '1 core' : `${limits.cpus} cores`}</Fact>
        <Fact name="Memory limit">{formatMebibytes(limits.memoryMb)}</Fact>
        <Fact name="Data limit">{formatMebibytes(limits.maxSizeMb)}</Fact>
        <Fact name="Query limit">{formatMilliseconds(limits.queryTimeoutMs)}</Fact>
        {engine === 'postgres' && limits.connectionsMax !== null ? (
          <Fact name="Sessions">{limits.connectionsMax} at most</Fact>
        ) : null}
        {engine === 'postgres' ? (
          <Fact name="Session limit">
            {limits.sessionQueryTimeoutMs > 0
              ? `${formatMilliseconds(limits.sessionQueryTimeoutMs)} a statement`
              : 'none'}
          </Fact>
        ) : null}
        <Fact name="Sleeps">{sleepWords(limits.sleepAfterMs)}</Fact>
        <Fact name="Id">
          <span className="flex items-center gap-1">
            <code className="truncate">{id}</code>
            <CopyButton text={id} label="Copy the id" />
          </span>
        </Fact>
        <Fact name="Created">
          <time dateTime={createdAt}>{formatMoment(createdAt)}</time>
        </Fact>
        <Fact name="Changed">
          <time dateTime={updatedAt}>{formatMoment(updatedAt)}</time>
          <span className="text-muted-foreground"> · revision {revision}</span>
        </Fact>
      </dl>
    </Card>
  )
}

function sleepWords(sleepAfterMs: number | null): string {
  if (sleepAfterMs === null) return 'as the platform is set'
  return sleepAfterMs === 0 ? 'never' : `after ${formatMilliseconds(sleepAfterMs)} without a query`
}

function Fact({ name, children }: { readonly name: string; readonly children: ReactNode }) {
  return (
    <div className="grid min-h-9 grid-cols-[7rem_minmax(0,1fr)] items-center gap-2 px-4 py-1">
      <dt className="text-muted-foreground">{name}</dt>
      <dd className="min-w-0 tabular-nums">{children}</dd>
    </div>
  )
}
