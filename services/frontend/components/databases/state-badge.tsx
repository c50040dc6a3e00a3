import type { DatabaseState } from '@db-forge/contract'
import {
  Archive,
  CircleCheck,
  CircleStop,
  LoaderCircle,
  type LucideIcon,
  Moon,
  Trash2,
  TriangleAlert,
} from 'lucide-react'
import { cn } from '@/lib/cn'

const looks: Record<
  DatabaseState,
  { readonly Icon: LucideIcon; readonly className: string; readonly moves?: true }
> = {
  starting: { Icon: LoaderCircle, className: 'text-info', moves: true },
  running: { Icon: CircleCheck, className: 'text-success' },
  asleep: { Icon: Moon, className: 'text-muted-foreground' },
  stopping: { Icon: LoaderCircle, className: 'text-info', moves: true },
  stopped: { Icon: CircleStop, className: 'text-muted-foreground' },
  pruned: { Icon: Archive, className: 'text-muted-foreground' },
  failed: { Icon: TriangleAlert, className: 'text-destructive' },
  deleting: { Icon: LoaderCircle, className: 'text-destructive', moves: true },
  deleted: { Icon: Trash2, className: 'text-muted-foreground' },
}

/** A state by icon and word, so that nothing hangs on its colour. */
export function StateBadge({
  state,
  className,
}: {
  readonly state: DatabaseState
  readonly className?: string
}) {
  const { Icon, className: look, moves } = looks[state]
  return (
    <span
      data-slot="state-badge"
      className={cn('flex w-fit items-center gap-1.5 font-medium', look, className)}
    >
      <Icon aria-hidden className={cn('size-3.5', moves && 'animate-spin')} />
      {state}
    </span>
  )
}
