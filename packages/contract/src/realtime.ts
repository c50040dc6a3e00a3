/**
 * What travels over socket.io at `/ws`. A client is in rooms and hears what happens in them. It is in `instance` from
 * the beginning, and joins and leaves others as it likes. REST stays the truth.
 */
import { z } from 'zod'
import { Database, DatabaseId, DatabaseStats, LogLine } from './databases.ts'
import { ErrorCode } from './errors.ts'
import { Job } from './jobs.ts'

export const REALTIME_PATH = '/ws'

/** Rooms that a socket may be in. */
export const ROOMS_MAX = 100
/** What a socket may send in a second; what goes beyond is refused, and who goes on is let go. */
export const MESSAGES_PER_SECOND = 50

export const RoomName = z
  .string()
  .regex(/^(?:instance|(?:db|logs):db_[a-z0-9]{12}|job:job_[a-z0-9]{12})$/)
  .describe(
    '`instance`: databases as they come, change and go, and jobs. `db:{id}`: one database and what it uses. `job:{id}`: one job. `logs:{id}`: what the worker of a database writes.',
  )
export type RoomName = z.output<typeof RoomName>

/** `seq` rises by one with each change; who misses a number asks for `resync` and gets a snapshot. */
export const RealtimeSnapshot = z.object({ seq: z.int(), databases: z.array(Database) })
export type RealtimeSnapshot = z.output<typeof RealtimeSnapshot>

export const RealtimeChange = z.discriminatedUnion('type', [
  z.object({ seq: z.int(), type: z.literal('changed'), database: Database }),
  z.object({ seq: z.int(), type: z.literal('deleted'), id: DatabaseId, name: z.string() }),
])
export type RealtimeChange = z.output<typeof RealtimeChange>

/** The database as it is now: upon joining, then with each change. `seq` is its revision. */
export const RealtimeState = z.object({ seq: z.int(), database: Database })
export type RealtimeState = z.output<typeof RealtimeState>

/** About once a second. */
export const RealtimeMetrics = z.object({
  id: DatabaseId,
  at: z.iso.datetime(),
  stats: DatabaseStats,
})
export type RealtimeMetrics = z.output<typeof RealtimeMetrics>

/** The job as it is now: upon joining, then with each change. `seq` is its revision. */
export const RealtimeJob = z.object({ seq: z.int(), job: Job })
export type RealtimeJob = z.output<typeof RealtimeJob>

export const RealtimeLogs = z.object({
  id: DatabaseId,
  lines: z.array(LogLine),
  dropped: z.int().describe('Lines before these that this client was too slow for'),
})
export type RealtimeLogs = z.output<typeof RealtimeLogs>

/** The room is no more; its members have left it. */
export const RealtimeClosed = z.object({ room: RoomName, code: ErrorCode })
export type RealtimeClosed = z.output<typeof RealtimeClosed>

export const RoomAnswer = z.discriminatedUnion('ok', [
  z.object({ ok: z.literal(true) }),
  z.object({ ok: z.literal(false), code: ErrorCode, detail: z.string().optional() }),
])
export type RoomAnswer = z.output<typeof RoomAnswer>

export interface ServerToClientEvents {
  snapshot: (snapshot: RealtimeSnapshot) => void
  change: (change: RealtimeChange) => void
  state: (state: RealtimeState) => void
  metrics: (metrics: RealtimeMetrics) => void
  job: (job: RealtimeJob) => void
  logs: (logs: RealtimeLogs) => void
  closed: (closed: RealtimeClosed) => void
}
export interface ClientToServerEvents {
  resync: () => void
  join: (room: RoomName, answer: (answer: RoomAnswer) => void) => void
  leave: (room: RoomName, answer: (answer: RoomAnswer) => void) => void
}
