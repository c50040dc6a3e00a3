import { z } from 'zod'
import { DatabaseId } from '../databases.ts'
import { ErrorCode, SqlPosition } from '../errors.ts'

export const Hello = z.object({ protocol: z.int(), databaseId: DatabaseId })
export type Hello = z.output<typeof Hello>

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
})
export type Welcome = z.output<typeof Welcome>

export const DescribeRequest = z.object({
  /** One table; all of them if absent. */
  table: z.string().optional(),
  counts: z.boolean(),
  timeoutMs: z.int(),
})
export type DescribeRequest = z.output<typeof DescribeRequest>

export const WorkerHealth = z.object({
  status: z.enum(['ok', 'failed']),
  uptimeSeconds: z.number(),
  cpuSeconds: z.number(),
  memoryBytes: z.int(),
  diskBytes: z.int(),
  /** How long the statement that runs now has been running; null if none does. */
  busyMs: z.number().nullable(),
})
export type WorkerHealth = z.output<typeof WorkerHealth>

export const WorkerError = z.object({
  code: ErrorCode,
  detail: z.string().max(10_000),
  sqlCode: z.string().max(64).optional(),
  position: SqlPosition.optional(),
  statement: z.int().optional(),
})
export type WorkerError = z.output<typeof WorkerError>
