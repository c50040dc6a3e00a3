import type { Database, DatabaseId, Job } from '@db-forge/contract'

export type PlatformEvent =
  | { readonly type: 'database.changed'; readonly database: Database }
  | { readonly type: 'database.deleted'; readonly id: DatabaseId; readonly name: string }
  | { readonly type: 'job.changed'; readonly job: Job }
  /** A client has asked it something; told every few seconds at most. */
  | { readonly type: 'database.used'; readonly id: DatabaseId }
  /** A token or a session, by its key, is good no more. */
  | { readonly type: 'credential.revoked'; readonly key: string }
  | { readonly type: 'slots.changed' }
  /** Events may have been missed: whoever holds what they tell of reads it again. */
  | { readonly type: 'gap' }

export type EventOrigin = 'here' | 'elsewhere'
export type EventListener = (event: PlatformEvent, origin: EventOrigin) => void

/** Tells other parts what has happened. At most once: a listener that needs certainty reads the store. */
export interface EventBus {
  /** To the listeners here at once, and to those of all gateways that share the store. */
  publish(event: PlatformEvent): void
  /** To the listeners here alone: what another gateway did, and was found in the store. */
  deliver(event: PlatformEvent): void
  /** Returns the function that ends the subscription. A listener's throw never reaches the publisher. */
  subscribe(listener: EventListener): () => void
}
