'use client'

import { isOver, type Job } from '@db-forge/contract'
import Link from 'next/link'
import type { ReactNode } from 'react'
import { Popover, PopoverClose, PopoverContent, PopoverTrigger } from '@/components/ui/popover'
import { formatAgo } from '@/lib/format'
import { useNow } from '@/lib/hooks'
import { titleOf, unfinished } from '@/lib/jobs'
import { paths } from '@/lib/paths'
import { CancelJob } from './cancel-job'
import { JobProgress } from './job-state'

const OVER_SHOWN = 5

interface JobsTrayProps {
  readonly jobs: readonly Job[]
  readonly trigger: ReactNode
}

/** Everything under way, and what was over last. */
export function JobsTray({ jobs, trigger }: JobsTrayProps) {
  const now = useNow(5000)
  const shown = [...unfinished(jobs), ...jobs.filter(isOver).slice(0, OVER_SHOWN)]
  return (
    <Popover defaultOpen>
      <PopoverTrigger asChild>{trigger}</PopoverTrigger>
      <PopoverContent aria-label="Jobs">
        {shown.length > 0 ? (
          // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
          <ul tabIndex={0} aria-label="Newest jobs" className="max-h-96 divide-y overflow-y-auto">
            {shown.map((job) => (
              <li key={job.id} className="flex items-start gap-2 px-3 py-2">
                <div className="grid min-w-0 flex-1 gap-0.5">
                  <p className="flex items-baseline gap-2">
                    <span className="min-w-0 truncate">
                      {titleOf(job)} <span className="font-mono">{job.database.name}</span>
                    </span>
                    <time
                      dateTime={job.createdAt}
                      className="ml-auto shrink-0 text-xs text-muted-foreground"
                    >
                      {formatAgo(job.createdAt, now)}
                    </time>
                  </p>
                  <JobProgress job={job} />
                </div>
                <CancelJob job={job} />
              </li>
            ))}
          </ul>
        ) : (
          <p className="px-3 py-4 text-muted-foreground">Nothing is under way.</p>
        )}
        <p className="border-t px-3 py-2">
          <PopoverClose asChild>
            <Link href={paths.activity} className="rounded-sm font-medium hover:underline">
              All activity
            </Link>
          </PopoverClose>
        </p>
      </PopoverContent>
    </Popover>
  )
}
