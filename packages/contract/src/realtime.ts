/**
 * What travels over socket.io at `/ws`. After each connection the server sends one `snapshot`, then a `change`
 * for whatever happens. `seq` rises by one; a client that misses a number asks for `resync` and gets a snapshot.
 * REST stays the truth.
 */
import { z } from 'zod'
import { Database, DatabaseId } from './databases.ts'

export const REALTIME_PATH = '/ws'

export const RealtimeSnapshot = z.object({ seq: z.int(), databases: z.array(Database) })
export type RealtimeSnapshot = z.output<typeof RealtimeSnapshot>

export const RealtimeChange = z.discriminatedUnion('type', [
  z.object({ seq: z.int(), type: z.literal('changed'), database: Database }),
  z.object({ seq: z.int(), type: z.literal('deleted'), id: DatabaseId, name: z.string() }),
])
export type RealtimeChange = z.output<typeof RealtimeChange>

export interface ServerToClientEvents {
  snapshot: (snapshot: RealtimeSnapshot) => void
  change: (change: RealtimeChange) => void
}
export interface ClientToServerEvents {
  resync: () => void
}
