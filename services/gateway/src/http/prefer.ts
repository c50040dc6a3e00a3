import type { Job } from '@db-forge/contract'
import type { Jobs } from '../core/jobs.ts'
import { type HandlerContext, WithStatus } from './mount.ts'

const RESPOND_ASYNC = 'respond-async'

/** Whether a caller would rather not wait: RFC 7240. */
function prefersAsync(header: string | string[] | undefined): boolean {
  return String(header ?? '')
    .split(',')
    .some((preference) => preference.split(';')[0]?.trim().toLowerCase() === RESPOND_ASYNC)
}

/** The end of a job, for who waits for it; for who does not, where to find it. */
export async function answerWithJob<T>(
  jobs: Jobs,
  begun: Promise<Job>,
  { request, reply }: HandlerContext,
  whenDone: (job: Job) => T,
): Promise<T | WithStatus<Job>> {
  const job = await begun
  if (!prefersAsync(request.headers.prefer)) return whenDone(await jobs.success(job.id))
  reply.headers({ location: `/admin/jobs/${job.id}`, 'preference-applied': RESPOND_ASYNC })
  return new WithStatus(202, job)
}
