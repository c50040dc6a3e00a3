'use client'

import { type Job, JobState } from '@db-forge/contract'
import Link from 'next/link'
import { useState } from 'react'
import { useDatabases } from '@/components/databases/use-databases'
import { FailureNotice } from '@/components/failure-notice'
import { Button } from '@/components/ui/button'
import { NativeSelect } from '@/components/ui/native-select'
import { formatAgo, formatMilliseconds, formatMoment } from '@/lib/format'
import { useNow } from '@/lib/hooks'
import { titleOf } from '@/lib/jobs'
import { paths } from '@/lib/paths'
import { CancelJob } from './cancel-job'
import { JobProgress } from './job-state'
import { useJobs } from './use-jobs'

/** What is done at length, and what has been done lately. */
export function ActivityPage() {
  const { data: jobs, error, refetch } = useJobs()
  const [state, setState] = useState<JobState | null>(null)
  const shown = jobs?.filter((job) => state === null || job.state === state)
  return (
    <main id="content" className="mx-auto grid max-w-6xl gap-4 px-4 py-6">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-2">
        <h1 className="text-xl font-semibold">Activity</h1>
        <p className="text-muted-foreground">What takes its time runs as a job.</p>
        <NativeSelect
          aria-label="Filter by state"
          value={state ?? ''}
          onChange={({ target: { value } }) =>
            setState(value === '' ? null : JobState.parse(value))
          }
          className="ml-auto"
        >
          <option value="">Every state</option>
          {JobState.options.map((option) => (
            <option key={option} value={option}>
              {option}
            </option>
          ))}
        </NativeSelect>
      </div>
      {error ? (
        <FailureNotice
          error={error}
          actions={
            <Button size="sm" onClick={() => void refetch()}>
              Try again
            </Button>
          }
        />
      ) : null}
      {shown ? (
        <div className="overflow-x-auto rounded-lg border bg-card">
          {shown.length > 0 ? <JobTable jobs={shown} /> : <Nothing state={state} />}
        </div>
      ) : null}
    </main>
  )
}

function Nothing({ state }: { readonly state: JobState | null }) {
  return (
    <p className="p-6 text-center text-muted-foreground">
      {state
        ? `No job has the state “${state}”.`
        : 'There has been no job in the last days. A restart is one, and so is destroying data.'}
    </p>
  )
}

const head = 'h-8 px-3 text-left text-xs font-medium whitespace-nowrap text-muted-foreground'
const cell = 'h-11 px-3 py-1.5'

function JobTable({ jobs }: { readonly jobs: readonly Job[] }) {
  const now = useNow(5000)
  const { data: databases } = useDatabases()
  const there = new Set(databases?.map(({ id }) => id))
  return (
    <table className="w-full border-collapse">
      <thead className="border-b bg-muted">
        <tr>
          <th scope="col" className={head}>
            Job
          </th>
          <th scope="col" className={head}>
            State
          </th>
          <th scope="col" className={`${head} max-md:hidden`}>
            Asked for
          </th>
          <th scope="col" className={`${head} max-md:hidden`}>
            Took
          </th>
          <th scope="col" className={head}>
            <span className="sr-only">Actions</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {jobs.map((job) => (
          <JobRow key={job.id} job={job} now={now} isThere={there.has(job.database.id)} />
        ))}
      </tbody>
    </table>
  )
}

interface JobRowProps {
  readonly job: Job
  readonly now: number
  /** Its database can be gone to. */
  readonly isThere: boolean
}

function JobRow({ job, now, isThere }: JobRowProps) {
  const { id, database, createdAt } = job
  return (
    <tr data-job={id} className="border-b align-top last:border-b-0 hover:bg-muted/60">
      <th scope="row" className={`${cell} text-left font-normal`}>
        {titleOf(job)}{' '}
        {isThere ? (
          <Link
            href={paths.database(database.name)}
            prefetch={false}
            className="font-mono font-medium wrap-anywhere hover:underline"
          >
            {database.name}
          </Link>
        ) : (
          <span className="font-mono wrap-anywhere">{database.name}</span>
        )}
        <code className="block text-xs text-muted-foreground max-sm:hidden">{id}</code>
        <time
          dateTime={createdAt}
          title={formatMoment(createdAt)}
          className="block text-xs text-muted-foreground md:hidden"
        >
          {formatAgo(createdAt, now)}
        </time>
      </th>
      <td className={`${cell} md:min-w-64`}>
        <JobProgress job={job} />
      </td>
      <td className={`${cell} whitespace-nowrap text-muted-foreground max-md:hidden`}>
        <time dateTime={createdAt} title={formatMoment(createdAt)}>
          {formatAgo(createdAt, now)}
        </time>
      </td>
      <td className={`${cell} whitespace-nowrap text-muted-foreground tabular-nums max-md:hidden`}>
        {tookOf(job, now)}
      </td>
      <td className={`${cell} w-0`}>
        <CancelJob job={job} />
      </td>
    </tr>
  )
}

function tookOf({ startedAt, finishedAt }: Job, now: number): string {
  if (!startedAt) return '—'
  const until = finishedAt ? Date.parse(finishedAt) : now
  return formatMilliseconds(Math.max(0, until - Date.parse(startedAt)))
}
