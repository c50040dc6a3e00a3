import { isOver, type Job } from '@db-forge/contract'
import { formatBytes, formatCount } from './format'

/** With this sight of a job in it, the newest in front; the newer of two sights of one job stays. */
export function withJob(jobs: readonly Job[], seen: Job): readonly Job[] {
  const known = jobs.find(({ id }) => id === seen.id)
  if (known && known.revision >= seen.revision) return jobs
  if (known) return jobs.map((job) => (job === known ? seen : job))
  const at = jobs.findIndex(({ createdAt }) => createdAt <= seen.createdAt)
  return at < 0 ? [...jobs, seen] : jobs.toSpliced(at, 0, seen)
}

export const unfinished = (jobs: readonly Job[]): readonly Job[] =>
  jobs.filter((job) => !isOver(job))

const kinds: Readonly<Record<string, { readonly title: string; readonly done: string }>> = {
  restart: { title: 'Restart', done: 'has been restarted' },
  purge: { title: 'Destroy', done: 'has been destroyed' },
}

export const titleOf = ({ kind }: Pick<Job, 'kind'>): string => kinds[kind]?.title ?? kind

/** What is said once it is over. */
export function outcomeOf({ kind, state, database: { name } }: Job): string {
  if (state === 'succeeded') return `${name} ${kinds[kind]?.done ?? `: ${kind} is done`}`
  return `${titleOf({ kind })} of ${name} ${state === 'cancelled' ? 'was cancelled' : 'failed'}`
}

/** Between 0 and 1; null where nobody knows. */
export function shareOf({ progress }: Pick<Job, 'progress'>): number | null {
  if (!progress?.total) return null
  return Math.min(1, progress.done / progress.total)
}

/** `stopping`, `12 of 40 tables`, `1.5 MiB`. */
export function stepOf({ phase, progress }: Pick<Job, 'phase' | 'progress'>): string {
  return [phase, progress && amountOf(progress)].filter(Boolean).join(', ')
}

function amountOf({ done, total, unit }: NonNullable<Job['progress']>): string {
  const format = unit === 'bytes' ? formatBytes : formatCount
  const of = total === null ? '' : ` of ${format(total)}`
  return `${format(done)}${of}${unit && unit !== 'bytes' ? ` ${unit}` : ''}`
}
