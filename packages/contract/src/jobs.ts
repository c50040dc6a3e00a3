import { z } from 'zod'
import { DatabaseId } from './databases.ts'
import { ErrorCode } from './errors.ts'
import { route } from './route.ts'

export const JobId = z.string().regex(/^job_[a-z0-9]{12}$/)
export type JobId = z.output<typeof JobId>

export const JobState = z.enum(['queued', 'running', 'succeeded', 'failed', 'cancelled'])
export type JobState = z.output<typeof JobState>

export const Job = z
  .object({
    id: JobId,
    kind: z.string().describe('What is done, such as `restart` or `purge`'),
    database: z
      .object({ id: DatabaseId, name: z.string() })
      .describe('What it is done to, by the name that had when the job was asked for'),
    state: JobState,
    phase: z.string().nullable().describe('What it is at, such as `stopping`'),
    progress: z
      .object({
        done: z.number(),
        total: z.number().nullable(),
        unit: z.string().nullable(),
      })
      .nullable(),
    result: z.unknown().describe('What it has come to, as its kind says; null until then'),
    error: z.object({ code: ErrorCode, detail: z.string().optional() }).nullable(),
    cancelRequested: z.boolean(),
    createdAt: z.iso.datetime(),
    startedAt: z.iso.datetime().nullable(),
    finishedAt: z.iso.datetime().nullable(),
    revision: z.int().describe('Rises with each change'),
  })
  .meta({ id: 'Job' })
export type Job = z.output<typeof Job>

export const isOver = ({ state }: Pick<Job, 'state'>): boolean =>
  state === 'succeeded' || state === 'failed' || state === 'cancelled'

const byId = z.object({ id: JobId })
const exampleJob = {
  id: 'job_3v8n2c6x9k4m',
  kind: 'restart',
  database: { id: 'db_7k2m9x4q1w8e', name: 'shop' },
  state: 'running',
  phase: 'stopping',
  progress: null,
  result: null,
  error: null,
  cancelRequested: false,
  createdAt: '2026-01-01T12:00:00.000Z',
  startedAt: '2026-01-01T12:00:00.010Z',
  finishedAt: null,
  revision: 3,
}

export const jobs = {
  list: route({
    id: 'listJobs',
    method: 'GET',
    path: '/admin/jobs',
    tag: 'jobs',
    scope: 'admin',
    summary: 'List jobs, the newest first',
    description: 'Jobs that are over are kept for 7 days.',
    query: z.object({
      database: z
        .string()
        .max(63)
        .optional()
        .describe('Id of a database, or the name it had when the job was asked for'),
      state: JobState.optional(),
      limit: z.coerce.number().int().min(1).max(1000).default(100),
      cursor: z.string().max(200).optional().describe('`nextCursor` of the page before'),
    }),
    response: z
      .object({ items: z.array(Job), nextCursor: z.string().nullable() })
      .meta({ id: 'JobPage' }),
    status: 200,
    errors: [],
  }),
  get: route({
    id: 'getJob',
    method: 'GET',
    path: '/admin/jobs/{id}',
    tag: 'jobs',
    scope: 'admin',
    summary: 'Get one job',
    params: byId,
    response: Job,
    status: 200,
    errors: ['job.not_found'],
    examples: { response: exampleJob },
  }),
  cancel: route({
    id: 'cancelJob',
    method: 'POST',
    path: '/admin/jobs/{id}/cancel',
    tag: 'jobs',
    scope: 'admin',
    summary: 'Cancel a job',
    description:
      'One that waits is cancelled at once. One that runs ends at the next point where it can; one that has no such point any more goes on to its end.',
    params: byId,
    response: Job,
    status: 200,
    errors: ['job.not_found', 'job.finished'],
  }),
} as const
