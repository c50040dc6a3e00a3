import type { Database, DatabaseId, Job } from '@db-forge/contract'

export type PlatformEvent =
  | { readonly type: 'database.changed'; readonly database: Database }
  | { readonly type: 'database.deleted'; readonly id: DatabaseId; readonly name: string }
  | { readonly type: 'job.changed'; readonly job: Job }
  /** A client has asked it something; told every few seconds at most. */
  | { readonly type: 'database.used'; readonly id: DatabaseId }

/** Tells other parts what has happened. At most once: a listener that needs certainty reads the store. */
export interface EventBus {
  publish(event: PlatformEvent): void
  /** Returns the function that ends the subscription. A listener's throw never reaches the publisher. */
  subscribe(listener: (event: PlatformEvent) => void): () => void
}
