import { isOver, type Job } from '@db-forge/contract'
import type { QueryClient } from '@tanstack/react-query'
import { keys } from '@/lib/api'
import { outcomeOf, withJob } from '@/lib/jobs'
import { notify, notifyOfFault } from '@/lib/notify'

/** Jobs that this page has begun; their ends are told, those of others are only shown. */
const begun = new Set<string>()

/** Shows a job that was begun here, and says what it has come to. */
export function followJob(queryClient: QueryClient, job: Job): void {
  begun.add(job.id)
  rememberJob(queryClient, job)
  // It may have been over before anybody listened.
  void queryClient.invalidateQueries({ queryKey: keys.jobs })
}

/** Takes in what an answer or an event said about a job. */
export function rememberJob(queryClient: QueryClient, job: Job): void {
  queryClient.setQueryData<readonly Job[]>(keys.jobs, (jobs) => jobs && withJob(jobs, job))
  tellEnd(job)
}

/** Once for each job that was begun here. */
export function tellEnd(job: Job): void {
  if (!isOver(job) || !begun.delete(job.id)) return
  if (job.state === 'failed') notifyOfFault(outcomeOf(job), job.error)
  else notify(outcomeOf(job))
}
