import { z } from 'zod'
import { Connection, Credentials } from './connections.ts'

export const DatabaseName = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/,
    'letters, digits, "_" and "-", 63 at most, a letter or digit first',
  )
  .describe('Unique without regard to case')

export const DatabaseId = z.string().regex(/^db_[a-z0-9]{12}$/)
export type DatabaseId = z.output<typeof DatabaseId>

export const EngineName = z.enum(['sqlite', 'postgres'])
export type EngineName = z.output<typeof EngineName>

export const RuntimeKind = z.enum(['docker', 'process'])
export type RuntimeKind = z.output<typeof RuntimeKind>

export const DatabaseState = z.enum([
  'starting',
  'running',
  'asleep',
  'stopping',
  'stopped',
  'pruned',
  'failed',
  'deleting',
  'deleted',
])
export type DatabaseState = z.output<typeof DatabaseState>

/** No query may take longer, whoever sets its limit. */
export const QUERY_TIMEOUT_MS_MAX = 3_600_000

/** Shorter sleep would be spent on waking up. */
export const SLEEP_AFTER_MS_MIN = 1000
const SLEEP_AFTER_MS_MAX = 366 * 86_400_000

/** A worker that nobody uses has some twenty threads. */
const PIDS_MIN = 48
const PIDS_MAX = 4096

const LIVE = 'changed while it runs'
const RESTART = 'changed by a restart'

const text = {
  memoryMb: `Memory of the worker, MiB; ${RESTART}, since caches are sized at the start`,
  cpus: `Share of processors; 1 is one whole core; ${LIVE}`,
  maxSizeMb: `Size of the data, MiB; ${LIVE}. Below what is used, only what deletes or reads is run until there is room`,
  queryTimeoutMs: `Milliseconds that a query may take unless it says otherwise; ${LIVE}`,
  sessionQueryTimeoutMs: `Milliseconds that a statement of a PostgreSQL session may take, whatever the session sets; 0 for no limit; ${LIVE}`,
  sleepAfterMs: `Milliseconds without a query after which the database sleeps; 0 for never, null as the platform is set; ${LIVE}`,
  connectionsMax: `Sessions of PostgreSQL clients at once; null for as many as the memory allows, which is the most in any case; ${LIVE}, for sessions that come`,
  pidsMax: `Processes and threads of the worker, where containers are used; null for as many as its engine needs; ${LIVE}`,
}

export const Limits = z.object({
  memoryMb: z.int().describe(text.memoryMb),
  cpus: z.number().describe(text.cpus),
  maxSizeMb: z.int().describe(text.maxSizeMb),
  queryTimeoutMs: z.int().default(30_000).describe(text.queryTimeoutMs),
  sessionQueryTimeoutMs: z.int().default(0).describe(text.sessionQueryTimeoutMs),
  sleepAfterMs: z.int().nullable().default(null).describe(text.sleepAfterMs),
  connectionsMax: z.int().nullable().default(null).describe(text.connectionsMax),
  pidsMax: z.int().nullable().default(null).describe(text.pidsMax),
})
export type Limits = z.output<typeof Limits>
export type LimitName = keyof Limits

/** What changes only with another start of the worker. The gateway goes by it; the dashboard reads it. */
export const limitsByRestart: readonly LimitName[] = ['memoryMb']

const limitFields = {
  memoryMb: z.int().min(64).max(65_536).describe(text.memoryMb).optional(),
  cpus: z.number().min(0.1).max(64).describe(text.cpus).optional(),
  maxSizeMb: z.int().min(1).max(1_048_576).describe(text.maxSizeMb).optional(),
  queryTimeoutMs: z.int().min(1).max(QUERY_TIMEOUT_MS_MAX).describe(text.queryTimeoutMs).optional(),
  sessionQueryTimeoutMs: z
    .int()
    .min(0)
    .max(QUERY_TIMEOUT_MS_MAX)
    .describe(text.sessionQueryTimeoutMs)
    .optional(),
  sleepAfterMs: z
    .int()
    .min(0)
    .max(SLEEP_AFTER_MS_MAX)
    .refine((ms) => ms === 0 || ms >= SLEEP_AFTER_MS_MIN, `0, or at least ${SLEEP_AFTER_MS_MIN}`)
    .nullable()
    .describe(text.sleepAfterMs)
    .optional(),
  connectionsMax: z.int().min(1).max(1000).nullable().describe(text.connectionsMax).optional(),
  pidsMax: z.int().min(PIDS_MIN).max(PIDS_MAX).nullable().describe(text.pidsMax).optional(),
}

export const DatabaseSpawn = z
  .strictObject({ engine: EngineName.optional(), ...limitFields })
  .meta({ id: 'DatabaseSpawn' })
export type DatabaseSpawn = z.output<typeof DatabaseSpawn>

export const DatabasePatch = z
  .strictObject(limitFields)
  .refine((patch) => Object.values(patch).some((value) => value !== undefined), 'nothing to change')
  .meta({ id: 'DatabasePatch' })
export type DatabasePatch = z.output<typeof DatabasePatch>

export const Database = z
  .object({
    id: DatabaseId,
    name: z.string(),
    engine: EngineName,
    engineVersion: z
      .string()
      .nullable()
      .describe('As the worker reported it; null before its first start'),
    runtime: RuntimeKind,
    state: DatabaseState.describe('What was last seen'),
    desired: z
      .enum(['running', 'asleep', 'stopped', 'pruned', 'deleted', 'purged'])
      .describe(
        'What is wanted; a database that is `asleep` runs again for whoever asks it something',
      ),
    reason: z.string().nullable().describe('Why the state is not the desired one'),
    limits: Limits,
    connection: Connection.nullable().describe(
      "Where clients that speak the engine's own protocol connect; null where none can",
    ),
    deletedAt: z.iso.datetime().nullable().describe('Set while it is deleted and can be had back'),
    purgeAt: z.iso.datetime().nullable().describe('When its data are destroyed'),
    generation: z.int().describe('Rises with each worker that replaces another one'),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
    revision: z.int().describe('Rises with each change'),
  })
  .meta({ id: 'Database' })
export type Database = z.output<typeof Database>

const LimitNames = z.array(z.enum(Object.keys(Limits.shape) as [LimitName, ...LimitName[]]))

export const PatchedDatabase = Database.extend({
  applied: z
    .object({
      live: LimitNames.describe('In effect without a restart'),
      restart: LimitNames.describe('In effect since the worker was restarted for them'),
    })
    .describe(
      'How the limits that have changed took effect; of a worker that does not run, all live',
    ),
}).meta({ id: 'PatchedDatabase' })
export type PatchedDatabase = z.output<typeof PatchedDatabase>

export const SpawnedDatabase = Database.extend({
  credentials: Credentials.optional().describe(
    'Of the owner of a new PostgreSQL database, this one time',
  ),
}).meta({ id: 'SpawnedDatabase' })
export type SpawnedDatabase = z.output<typeof SpawnedDatabase>

/** Which action a database allows in which state. The gateway enforces it; the dashboard reads it. */
export const databaseActions = {
  start: ['asleep', 'stopped', 'pruned', 'failed'],
  sleep: ['running'],
  stop: ['running', 'asleep', 'starting', 'failed'],
  restart: ['running', 'failed'],
  prune: ['running', 'asleep', 'starting', 'stopped', 'failed'],
  query: ['running', 'asleep'],
  delete: ['running', 'asleep', 'starting', 'stopped', 'pruned', 'failed'],
  undelete: ['deleted'],
} as const satisfies Record<string, readonly DatabaseState[]>
export type DatabaseAction = keyof typeof databaseActions

export function databaseCan(action: DatabaseAction, database: Pick<Database, 'state'>): boolean {
  return (databaseActions[action] as readonly DatabaseState[]).includes(database.state)
}

export const LogLine = z
  .object({
    at: z.iso.datetime(),
    stream: z.enum(['stdout', 'stderr']),
    line: z.string(),
  })
  .meta({ id: 'LogLine' })
export type LogLine = z.output<typeof LogLine>

export const DatabaseStats = z
  .object({
    state: DatabaseState,
    uptimeSeconds: z.number().nullable().describe('Of the worker; null while it does not run'),
    cpu: z
      .object({ seconds: z.number(), percent: z.number().describe('100 is one whole core') })
      .nullable(),
    memory: z.object({ usedBytes: z.int(), limitBytes: z.int().nullable() }).nullable(),
    disk: z.object({
      usedBytes: z.int(),
      limitBytes: z.int(),
      walBytes: z
        .int()
        .nullable()
        .describe('Of it, the write-ahead log; null while no worker tells'),
    }),
  })
  .meta({ id: 'DatabaseStats' })
export type DatabaseStats = z.output<typeof DatabaseStats>
