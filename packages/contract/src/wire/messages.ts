import { z } from 'zod'
import type { ConnectionRole } from '../connections.ts'
import { DatabaseId } from '../databases.ts'
import { ErrorCode, SqlPosition } from '../errors.ts'
import type { Params, RowFormat } from '../queries.ts'

export const Hello = z.object({ protocol: z.int(), databaseId: DatabaseId })
export type Hello = z.output<typeof Hello>

export const LaneInfo = z.object({ lane: z.int().min(0).max(255) })
export type LaneInfo = z.output<typeof LaneInfo>

export const Welcome = z.object({
  protocol: z.int(),
  databaseId: DatabaseId,
  /** Another one after each start of the worker. */
  workerId: z.string().max(64),
  engine: z.string().max(32),
  engineVersion: z.string().max(64),
  pid: z.int(),
  /** Hash of the spec that the worker was started with. */
  specHash: z.string().max(64),
  /** Of this socket; null on the control socket. */
  lane: z.int().nullable(),
  /** Lanes that there are at this moment; on the control socket. */
  lanes: z.array(z.int().min(0).max(255)).max(64).optional(),
  /** Names this connection to the control thread. */
  session: z.int(),
  /** The worker's monotonic clock as it wrote this, in milliseconds; deadlines are told in it. */
  clockMs: z.number(),
})
export type Welcome = z.output<typeof Welcome>

/** A QueryRequest with everything filled in, as JSON after the deadline. */
export interface QueryCommand {
  readonly sql: string
  readonly params?: Params
  readonly maxRows: number
  readonly readOnly: boolean
  readonly rowFormat: RowFormat
  /** The gateway does not know whether it writes: the writer sends a statement that only reads back. */
  readonly guess?: boolean
  /** Begun.transaction, of the same connection. */
  readonly transaction?: number
}

export interface BatchCommand {
  readonly statements: readonly { readonly sql: string; readonly params?: Params }[]
  readonly transaction: 'write' | 'read' | 'none'
  readonly maxRows: number
  readonly readOnly: boolean
  readonly rowFormat: RowFormat
}

export type StreamFormat = 'ndjson' | 'csv'

/** Rows as `{"rows":[…]}` lines or as CSV (RFC 4180), the first line its head. A statement that writes gets no more than an ordinary answer holds. */
export interface StreamCommand extends Omit<QueryCommand, 'maxRows'> {
  /** Null: all of them. */
  readonly maxRows: number | null
  readonly format: StreamFormat
  /** Bytes of rows that may be sent before the first credit frame. */
  readonly credit: number
}

export const StreamEnd = z.object({
  rowsAffected: z.int(),
  lastInsertId: z.union([z.int(), z.string()]).optional(),
  durationMs: z.number(),
  truncated: z.boolean(),
})
export type StreamEnd = z.output<typeof StreamEnd>

export interface BeginCommand {
  readonly mode: 'write' | 'read'
  /** A transaction that is asked nothing for so long is rolled back. */
  readonly idleMs: number
}

export const Begun = z.object({ transaction: z.int() })
export type Begun = z.output<typeof Begun>

export interface EndCommand {
  readonly transaction: number
}

export interface CancelCommand {
  readonly lane: number
  readonly session: number
  readonly id: number
}

/** What a worker goes by while it runs; told at each connection, and whenever it changes. */
export interface ConfigureCommand {
  /** Which term of leadership it is told in; workers heed only the highest that they have been told. */
  readonly term: number
  readonly maxSizeMb: number
  /** Why nothing that grows is taken, whatever the database's own size: the volume has no room. */
  readonly readOnly: 'disk' | null
  /** The name that clients of the engine's own protocol find the database under. */
  readonly databaseName: string
  /** Milliseconds that a statement of theirs may take; 0 for no limit. */
  readonly sessionQueryTimeoutMs: number
}

export interface PasswordCommand {
  /** Null where another gateway leads: whoever is signed in there may ask for a password all the same. */
  readonly term: number | null
  readonly role: ConnectionRole
  /** `SCRAM-SHA-256$…` as PostgreSQL keeps it: the password itself cannot be had from it. */
  readonly verifier: string
  /** Ends what is connected as this role from outside. */
  readonly endSessions: boolean
}

/** `begun` false: the request has not begun, and will not. */
export const Cancelled = z.object({ begun: z.boolean() })
export type Cancelled = z.output<typeof Cancelled>

export const DescribeRequest = z.object({
  /** One table; all of them if absent. */
  table: z.string().optional(),
  counts: z.boolean(),
})
export type DescribeRequest = z.output<typeof DescribeRequest>

export const WorkerHealth = z.object({
  status: z.enum(['ok', 'failed']),
  uptimeSeconds: z.number(),
  cpuSeconds: z.number(),
  memoryBytes: z.int(),
  /** All of it: the database, its write-ahead log, what spills from memory. */
  diskBytes: z.int(),
  walBytes: z.int(),
  tempBytes: z.int(),
  /** Nothing that grows is taken until there is room again. */
  overQuota: z.boolean(),
  /** How long the request that runs there has been running; null if none does. */
  lanes: z.array(z.object({ lane: z.int(), busyMs: z.number().nullable() })).max(64),
})
export type WorkerHealth = z.output<typeof WorkerHealth>

export const WorkerNotice = z.object({
  /**
   * `wal.large`: a reader keeps the write-ahead log from being reused. `disk.full`: the volume has given the database no
   * room.
   */
  kind: z.enum(['wal.large', 'wal.ok', 'quota.exceeded', 'quota.ok', 'disk.full']),
  detail: z.string().max(1000),
  bytes: z.int().optional(),
})
export type WorkerNotice = z.output<typeof WorkerNotice>

export const WorkerError = z.object({
  code: ErrorCode,
  detail: z.string().max(10_000),
  sqlCode: z.string().max(64).optional(),
  position: SqlPosition.optional(),
  statement: z.int().optional(),
})
export type WorkerError = z.output<typeof WorkerError>
