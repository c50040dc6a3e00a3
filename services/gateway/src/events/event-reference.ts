import { DatabaseId, JobId } from '@db-forge/contract'
import { z } from 'zod'
import type { PlatformEvent } from './event-bus.ts'

const JobReference = z.object({ type: z.literal('job.changed'), id: JobId })
export type JobReference = z.output<typeof JobReference>

/**
 * What other gateways are told of an event. It has no room for rows, and what a row looks like depends on who shows it:
 * whoever gets one reads the row from the store.
 */
export const EventReference = z.discriminatedUnion('type', [
  z.object({ type: z.literal('database.changed'), id: DatabaseId, revision: z.int() }),
  z.object({ type: z.literal('database.deleted'), id: DatabaseId, name: z.string() }),
  z.object({ type: z.literal('database.used'), id: DatabaseId }),
  JobReference,
  z.object({ type: z.literal('credential.revoked'), key: z.string() }),
  z.object({ type: z.literal('slots.changed') }),
  z.object({ type: z.literal('gap') }),
])
export type EventReference = z.output<typeof EventReference>

export function referenceTo(event: PlatformEvent): EventReference {
  switch (event.type) {
    case 'database.changed': {
      const { id, revision } = event.database
      return { type: event.type, id, revision }
    }
    case 'database.deleted':
      return { type: event.type, id: event.id, name: event.name }
    case 'database.used':
      return { type: event.type, id: event.id }
    case 'job.changed':
      return { type: event.type, id: event.job.id }
    case 'credential.revoked':
      return { type: event.type, key: event.key }
    case 'slots.changed':
    case 'gap':
      return { type: event.type }
  }
}
