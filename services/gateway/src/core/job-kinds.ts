import type { DatabaseId } from '@db-forge/contract'
import type { EventBus } from '../events/event-bus.ts'
import type { JobKinds } from './jobs.ts'

export interface JobWork {
  readonly events: EventBus
  /** Ends the worker of a database and starts it anew. */
  readonly restart: (id: DatabaseId) => Promise<void>
  /** Destroys a database and its data; one that is gone is none to destroy. */
  readonly purge: (id: DatabaseId) => Promise<void>
}

/** The kinds of jobs there are. */
export function jobKinds({ events, restart, purge }: JobWork): JobKinds {
  return {
    restart: {
      async run({ id }, _input, context) {
        const unsubscribe = events.subscribe((event) => {
          if (event.type !== 'database.changed' || event.database.id !== id) return
          const { state } = event.database
          if (state === 'stopping' || state === 'starting') context.phase(state)
        })
        try {
          await restart(id)
        } finally {
          unsubscribe()
        }
      },
    },
    purge: { run: ({ id }) => purge(id) },
  }
}
