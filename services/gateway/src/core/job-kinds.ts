import { DatabaseId } from '@db-forge/contract'
import { z } from 'zod'
import type { EventBus } from '../events/event-bus.ts'
import type { JobKinds } from './jobs.ts'

export interface JobWork {
  readonly events: EventBus
  /** Ends the worker of a database and has another one take its place. */
  readonly restart: (id: DatabaseId) => Promise<void>
  /** Destroys a database and its data; one that is gone is none to destroy. */
  readonly destroy: (id: DatabaseId) => Promise<void>
}

/** Ids, since by the time it runs a name may be another database's. */
export const PurgeInput = z.object({ ids: z.array(DatabaseId) })
export type PurgeInput = z.output<typeof PurgeInput>

/** The kinds of jobs there are. */
export function jobKinds({ events, restart, destroy }: JobWork): JobKinds {
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
    purge: {
      async run(_subject, input, context) {
        const { ids } = PurgeInput.parse(input)
        for (const [done, id] of ids.entries()) {
          context.signal.throwIfAborted()
          await destroy(id)
          context.progress(done + 1, ids.length, 'databases')
        }
      },
    },
  }
}
