'use client'

import { ListChecks, LoaderCircle } from 'lucide-react'
import dynamic from 'next/dynamic'
import { type ComponentProps, useState } from 'react'
import { Button } from '@/components/ui/button'
import { formatCountOf } from '@/lib/format'
import { unfinished } from '@/lib/jobs'
import { useJobs } from './use-jobs'

const loadTray = () => import('./jobs-tray').then((module) => module.JobsTray)
const JobsTray = dynamic(loadTray, { ssr: false, loading: () => <JobsTrigger count={0} /> })

/** How many jobs are not over, and the way to them. The tray's code comes when it is wanted. */
export function JobsButton() {
  const { data: jobs } = useJobs()
  const [wanted, setWanted] = useState(false)
  const count = jobs ? unfinished(jobs).length : 0
  if (wanted) return <JobsTray jobs={jobs ?? []} trigger={<JobsTrigger count={count} />} />
  return (
    <JobsTrigger
      count={count}
      onClick={() => setWanted(true)}
      onPointerEnter={() => void loadTray()}
    />
  )
}

interface JobsTriggerProps extends ComponentProps<'button'> {
  readonly count: number
}

function JobsTrigger({ count, ...props }: JobsTriggerProps) {
  return (
    <Button
      variant="ghost"
      size="icon"
      className="relative"
      aria-haspopup="dialog"
      aria-label={count > 0 ? `Jobs: ${formatCountOf(count, 'job')} under way` : 'Jobs'}
      title="Jobs"
      {...props}
    >
      {count > 0 ? (
        <LoaderCircle aria-hidden className="animate-spin text-info" />
      ) : (
        <ListChecks aria-hidden />
      )}
      {count > 0 ? (
        <span
          aria-hidden
          className="absolute -top-0.5 -right-0.5 grid size-3.5 place-items-center rounded-full bg-primary text-[9px] leading-none font-semibold text-primary-foreground"
        >
          {count > 9 ? '9+' : count}
        </span>
      ) : null}
    </Button>
  )
}
