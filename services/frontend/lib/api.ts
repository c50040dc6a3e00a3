import { ApiError, createClient } from '@db-forge/client'
import type { Database, Job, Problem } from '@db-forge/contract'

/** Requests go to the page's own origin, signed by the session cookie. */
export const client = createClient({ baseUrl: '' })

/** Keys of the query cache. A database is found by its name without regard to case, as in the API. */
export const keys = {
  databases: ['databases'] as const,
  database: (name: string) => ['database', name.toLowerCase()] as const,
  stats: (name: string) => ['database', name.toLowerCase(), 'stats'] as const,
  queries: (name: string) => ['database', name.toLowerCase(), 'queries'] as const,
  schema: (name: string) => ['database', name.toLowerCase(), 'schema'] as const,
  extensions: (name: string) => ['database', name.toLowerCase(), 'extensions'] as const,
  rows: (name: string, table: string, view: unknown) =>
    ['database', name.toLowerCase(), 'rows', table, view] as const,
  deleted: ['deleted databases'] as const,
  jobs: ['jobs'] as const,
  platform: ['platform'] as const,
  alive: ['alive'] as const,
}

export type Failure = Omit<Problem, 'code' | 'type' | 'status' | 'instance'> & {
  readonly code?: Problem['code']
  readonly status?: number
  readonly instance?: string
}

/** What can be said about anything thrown by a request. */
export function failureOf(error: unknown): Failure {
  if (error instanceof ApiError) return error.problem
  if (error instanceof TypeError)
    return { title: 'The gateway could not be reached', detail: 'The request got no answer.' }
  return { title: 'Something went wrong in the dashboard', detail: String(error) }
}

export const isSignedOut = (error: unknown) =>
  error instanceof ApiError && error.problem.status === 401

export const isNotFound = (error: unknown) =>
  error instanceof ApiError && error.problem.code === 'database.not_found'

/** Every database, or every one that was deleted and can be had back. */
export async function listDatabases(
  signal: AbortSignal,
  state?: 'deleted',
): Promise<readonly Database[]> {
  const all: Database[] = []
  let cursor: string | undefined
  do {
    const page = await client.databases.list(
      { query: { limit: 1000, ...(cursor ? { cursor } : {}), ...(state ? { state } : {}) } },
      { signal },
    )
    all.push(...page.items)
    cursor = page.nextCursor ?? undefined
  } while (cursor)
  return all
}

/** More are not looked through by hand. */
const JOBS_SHOWN = 200

/** The newest jobs. */
export async function listJobs(signal: AbortSignal): Promise<readonly Job[]> {
  return (await client.jobs.list({ query: { limit: JOBS_SHOWN } }, { signal })).items
}
