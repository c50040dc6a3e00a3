'use client'

import { isOver, type Job } from '@db-forge/contract'
import { Button } from '@/components/ui/button'
import { titleOf } from '@/lib/jobs'
import { useCancelJob } from './use-jobs'

export function CancelJob({ job }: { readonly job: Job }) {
  const cancel = useCancelJob()
  if (isOver(job)) return null
  return (
    <Button
      size="sm"
      aria-label={`Cancel: ${titleOf(job)} ${job.database.name}`}
      disabled={job.cancelRequested || cancel.isPending}
      onClick={() => cancel.mutate(job)}
    >
      Cancel
    </Button>
  )
}
