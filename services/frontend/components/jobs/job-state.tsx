import type { Job, JobState } from '@db-forge/contract'
import { Ban, CircleCheck, Clock, LoaderCircle, type LucideIcon, TriangleAlert } from 'lucide-react'
import { cn } from '@/lib/cn'
import { shareOf, stepOf, titleOf } from '@/lib/jobs'

const looks: Record<
  JobState,
  { readonly Icon: LucideIcon; readonly className: string; readonly moves?: true }
> = {
  queued: { Icon: Clock, className: 'text-muted-foreground' },
  running: { Icon: LoaderCircle, className: 'text-info', moves: true },
  succeeded: { Icon: CircleCheck, className: 'text-success' },
  failed: { Icon: TriangleAlert, className: 'text-destructive' },
  cancelled: { Icon: Ban, className: 'text-muted-foreground' },
}

/** How a job goes: by icon and word, what it is at, and how far it has come. */
export function JobProgress({ job }: { readonly job: Job }) {
  const { state, error, cancelRequested } = job
  const { Icon, className, moves } = looks[state]
  const step = state === 'running' ? stepOf(job) : ''
  const share = state === 'running' ? shareOf(job) : null
  return (
    <div className="grid min-w-0 gap-1">
      <p className={cn('flex flex-wrap items-center gap-x-1.5 font-medium', className)}>
        <Icon aria-hidden className={cn('size-3.5 shrink-0', moves && 'animate-spin')} />
        {cancelRequested && state === 'running' ? 'ending' : state}
        {step ? <span className="font-normal text-muted-foreground">{step}</span> : null}
      </p>
      {share === null ? null : <ProgressBar share={share} label={`${titleOf(job)}: progress`} />}
      {error ? (
        <p className="text-xs wrap-anywhere text-muted-foreground">
          {error.detail ? `${error.detail} ` : ''}
          <code>{error.code}</code>
        </p>
      ) : null}
    </div>
  )
}

function ProgressBar({ share, label }: { readonly share: number; readonly label: string }) {
  const percent = Math.round(share * 100)
  return (
    <div
      role="progressbar"
      aria-label={label}
      aria-valuenow={percent}
      aria-valuemin={0}
      aria-valuemax={100}
      className="h-1 overflow-hidden rounded-full bg-muted"
    >
      <div className="h-full bg-primary" style={{ width: `${percent}%` }} />
    </div>
  )
}
