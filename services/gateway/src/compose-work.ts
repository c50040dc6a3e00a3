import type { Logger } from 'pino'
import { DatabaseJobs } from './core/database-jobs.ts'
import type { Databases } from './core/databases.ts'
import { Idempotency } from './core/idempotency.ts'
import { jobKinds } from './core/job-kinds.ts'
import { Jobs } from './core/jobs.ts'
import type { Leadership } from './core/leadership.ts'
import type { Lifecycle } from './core/lifecycle.ts'
import type { EventBus, PlatformEvent } from './events/event-bus.ts'
import type { JobReference } from './events/event-reference.ts'
import type { MetadataStore } from './store/metadata-store.ts'

export interface WorkParts {
  readonly store: Pick<MetadataStore, 'jobs' | 'idempotencyKeys'>
  readonly events: EventBus
  readonly leadership: Leadership
  readonly lifecycle: Lifecycle
  readonly databases: Databases
  readonly isStoreShared: boolean
  readonly log: Logger
}

export interface Work {
  readonly uses: {
    readonly jobs: Jobs
    readonly databaseJobs: DatabaseJobs
    readonly idempotency: Idempotency
  }
  start(): void
  /** What the job of another gateway has come to. */
  follow(reference: JobReference): Promise<PlatformEvent | null>
  close(): Promise<void>
}

/** Jobs, which the gateway that leads runs, and requests that are done once. */
export function composeWork(parts: WorkParts): Work {
  const { store, events, leadership, lifecycle, databases, log } = parts
  const kinds = jobKinds({
    events,
    restart: (id) => lifecycle.restart(id),
    destroy: (id) => databases.destroy(id),
  })
  const jobs = new Jobs({ repo: store.jobs, events, kinds, log })
  const idempotency = new Idempotency({
    repo: store.idempotencyKeys,
    log,
    isStoreExclusive: !parts.isStoreShared,
  })
  const lead = (term: number | null) => {
    const done = term === null ? jobs.suspend() : jobs.resume()
    done.catch((error: unknown) => log.error({ err: error }, 'jobs were not taken up'))
  }
  let unsubscribe = () => {}
  return {
    uses: { jobs, databaseJobs: new DatabaseJobs(databases, jobs), idempotency },
    start() {
      unsubscribe = leadership.onChange(lead)
      idempotency.start()
      jobs.start()
      if (leadership.term !== null) lead(leadership.term)
    },
    follow: ({ id }) => jobs.follow(id),
    close() {
      unsubscribe()
      idempotency.close()
      return jobs.close()
    },
  }
}
