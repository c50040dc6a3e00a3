import { z } from 'zod'
import { Connection, ConnectionRole, Credentials } from './connections.ts'
import { route } from './route.ts'

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

export const Limits = z.object({
  memoryMb: z.int().describe('Memory of the worker, MiB'),
  cpus: z.number().describe('Share of processors; 1 is one whole core'),
  maxSizeMb: z.int().describe('Size of the data, MiB'),
  queryTimeoutMs: z
    .int()
    .default(30_000)
    .describe('Milliseconds that a query may take unless it says otherwise'),
  sessionQueryTimeoutMs: z
    .int()
    .default(0)
    .describe('Milliseconds that a statement of a PostgreSQL session may take; 0 for no limit'),
  sleepAfterMs: z
    .int()
    .nullable()
    .default(null)
    .describe(
      'Milliseconds without a query after which the database sleeps; 0 for never, null as the platform is set',
    ),
})
export type Limits = z.output<typeof Limits>

const limitFields = {
  memoryMb: z.int().min(64).max(65_536).describe('Memory of the worker, MiB'),
  cpus: z.number().min(0.1).max(64).describe('Share of processors; 1 is one whole core'),
  maxSizeMb: z.int().min(1).max(1_048_576).describe('Size of the data, MiB'),
  queryTimeoutMs: z
    .int()
    .min(1)
    .max(QUERY_TIMEOUT_MS_MAX)
    .describe('Milliseconds that a query may take unless it says otherwise'),
  sessionQueryTimeoutMs: z
    .int()
    .min(0)
    .max(QUERY_TIMEOUT_MS_MAX)
    .describe(
      'Milliseconds that a statement of a PostgreSQL session may take, whatever the session sets; 0 for no limit',
    ),
  sleepAfterMs: z
    .int()
    .min(0)
    .max(SLEEP_AFTER_MS_MAX)
    .refine((ms) => ms === 0 || ms >= SLEEP_AFTER_MS_MIN, `0, or at least ${SLEEP_AFTER_MS_MIN}`)
    .nullable()
    .describe(
      'Milliseconds without a query after which the database sleeps; 0 for never, null as the platform is set',
    ),
}

export const DatabaseSpawn = z
  .strictObject({
    engine: EngineName.optional(),
    memoryMb: limitFields.memoryMb.optional(),
    cpus: limitFields.cpus.optional(),
    maxSizeMb: limitFields.maxSizeMb.optional(),
    queryTimeoutMs: limitFields.queryTimeoutMs.optional(),
    sessionQueryTimeoutMs: limitFields.sessionQueryTimeoutMs.optional(),
    sleepAfterMs: limitFields.sleepAfterMs.optional(),
  })
  .meta({ id: 'DatabaseSpawn' })
export type DatabaseSpawn = z.output<typeof DatabaseSpawn>

export const DatabasePatch = z
  .strictObject({
    memoryMb: limitFields.memoryMb.optional(),
    cpus: limitFields.cpus.optional(),
    maxSizeMb: limitFields.maxSizeMb.optional(),
    queryTimeoutMs: limitFields.queryTimeoutMs.optional(),
    sessionQueryTimeoutMs: limitFields.sessionQueryTimeoutMs.optional(),
    sleepAfterMs: limitFields.sleepAfterMs.optional(),
  })
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

const byName = z.object({ name: DatabaseName })
const unknown = 'database.not_found'
const exampleDatabase = {
  id: 'db_7k2m9x4q1w8e',
  name: 'shop',
  engine: 'sqlite',
  engineVersion: '3.53.2',
  runtime: 'docker',
  state: 'running',
  desired: 'running',
  reason: null,
  limits: {
    memoryMb: 128,
    cpus: 1,
    maxSizeMb: 1024,
    queryTimeoutMs: 30_000,
    sessionQueryTimeoutMs: 0,
    sleepAfterMs: null,
  },
  connection: null,
  deletedAt: null,
  purgeAt: null,
  generation: 1,
  createdAt: '2026-01-01T12:00:00.000Z',
  updatedAt: '2026-01-01T12:00:00.000Z',
  revision: 2,
}

export const databases = {
  spawn: route({
    id: 'spawnDatabase',
    method: 'POST',
    path: '/admin/databases/spawn/{name}',
    tag: 'databases',
    scope: 'admin',
    summary: 'Spawn a database',
    description:
      'Answers once the database can be queried. Spawning a name again is safe: 200 with the same database if the options given are the ones it has, 409 if not. A stopped or pruned database is started.',
    params: byName,
    body: DatabaseSpawn.optional(),
    response: SpawnedDatabase,
    status: 201,
    alsoStatus: 200,
    errors: ['database.conflict', 'engine.unavailable', 'runtime.unavailable', 'database.failed'],
    examples: { body: { engine: 'sqlite' }, response: exampleDatabase },
  }),
  list: route({
    id: 'listDatabases',
    method: 'GET',
    path: '/admin/databases',
    tag: 'databases',
    scope: 'admin',
    summary: 'List databases by name',
    description: 'Deleted ones are listed only by `state=deleted`, the one deleted first in front.',
    query: z.object({
      state: DatabaseState.optional(),
      engine: EngineName.optional(),
      search: z.string().max(63).optional().describe('Part of a name'),
      limit: z.coerce.number().int().min(1).max(1000).default(100),
      cursor: z.string().max(200).optional().describe('`nextCursor` of the page before'),
    }),
    response: z
      .object({ items: z.array(Database), nextCursor: z.string().nullable() })
      .meta({ id: 'DatabasePage' }),
    status: 200,
    errors: [],
  }),
  get: route({
    id: 'getDatabase',
    method: 'GET',
    path: '/admin/databases/{name}',
    tag: 'databases',
    scope: 'admin',
    summary: 'Get one database',
    params: byName,
    response: Database,
    status: 200,
    errors: [unknown],
    examples: { response: exampleDatabase },
  }),
  patch: route({
    id: 'patchDatabase',
    method: 'PATCH',
    path: '/admin/databases/{name}',
    tag: 'databases',
    scope: 'admin',
    summary: 'Change the limits of a database',
    description:
      'A running database restarts with its new limits; queries that run then fail with worker.restarted. New timeouts alone need no restart.',
    params: byName,
    body: DatabasePatch,
    response: Database,
    status: 200,
    errors: [unknown, 'runtime.unavailable'],
    examples: { body: { memoryMb: 128 } },
  }),
  delete: route({
    id: 'deleteDatabase',
    method: 'DELETE',
    path: '/admin/databases/{name}',
    tag: 'databases',
    scope: 'admin',
    summary: 'Delete a database',
    description:
      'The worker ends and the name is free at once. The data stay until `purgeAt` and can be had back by undelete; with `force` they are destroyed now, those of databases of this name that were deleted before too.',
    params: byName,
    query: z.object({ force: z.stringbool().default(false) }),
    response: z.undefined(),
    status: 204,
    errors: [unknown, 'runtime.unavailable'],
  }),
  undelete: route({
    id: 'undeleteDatabase',
    method: 'POST',
    path: '/admin/databases/{name}/undelete',
    tag: 'databases',
    scope: 'admin',
    summary: 'Bring a deleted database back',
    description:
      'Of several deleted databases of this name, the one deleted last unless `id` says which. Under another name if `name` says so, as it must where the old one is taken.',
    params: byName,
    body: z.strictObject({ id: DatabaseId.optional(), name: DatabaseName.optional() }).default({}),
    response: Database,
    status: 200,
    errors: [unknown, 'database.conflict', 'runtime.unavailable', 'database.failed'],
  }),
  credentials: route({
    id: 'createCredentials',
    method: 'POST',
    path: '/admin/databases/{name}/credentials',
    tag: 'databases',
    scope: 'admin',
    summary: 'Give a role of a PostgreSQL database a new password',
    description:
      'The password is made here, answered this one time, and replaces the one before. Sessions that are open go on unless `endSessions` is set.',
    params: byName,
    body: z
      .strictObject({
        role: ConnectionRole.default('owner'),
        endSessions: z.boolean().default(false),
      })
      .default({ role: 'owner', endSessions: false }),
    response: Credentials,
    status: 201,
    errors: [unknown, 'engine.unsupported', 'database.stopped', 'database.failed'],
    examples: {
      body: { role: 'reader' },
      response: {
        role: 'reader',
        user: 'reader',
        password: 'q2Vd…',
        url: 'postgres://reader:q2Vd…@127.0.0.1:5432/shop',
      },
    },
  }),
  start: route({
    id: 'startDatabase',
    method: 'POST',
    path: '/admin/databases/{name}/start',
    tag: 'databases',
    scope: 'admin',
    summary: 'Start a database',
    description: 'Answers once it can be queried. Starting a running database changes nothing.',
    params: byName,
    response: Database,
    status: 200,
    errors: [unknown, 'runtime.unavailable', 'database.failed'],
  }),
  stop: route({
    id: 'stopDatabase',
    method: 'POST',
    path: '/admin/databases/{name}/stop',
    tag: 'databases',
    scope: 'admin',
    summary: 'Stop a database',
    description:
      'The worker ends and keeps its container and data. Queries fail with database.stopped until it is started.',
    params: byName,
    response: Database,
    status: 200,
    errors: [unknown, 'runtime.unavailable'],
  }),
  sleep: route({
    id: 'sleepDatabase',
    method: 'POST',
    path: '/admin/databases/{name}/sleep',
    tag: 'databases',
    scope: 'admin',
    summary: 'Put a database to sleep',
    description:
      'As happens by itself after some time without a query: the worker ends, and whatever asks the database something wakes it and is answered.',
    params: byName,
    response: Database,
    status: 200,
    errors: [unknown, 'database.stopped', 'runtime.unavailable'],
  }),
  restart: route({
    id: 'restartDatabase',
    method: 'POST',
    path: '/admin/databases/{name}/restart',
    tag: 'databases',
    scope: 'admin',
    summary: 'Restart a database',
    params: byName,
    response: Database,
    status: 200,
    errors: [unknown, 'database.stopped', 'runtime.unavailable', 'database.failed'],
  }),
  prune: route({
    id: 'pruneDatabase',
    method: 'POST',
    path: '/admin/databases/prune/{name}',
    tag: 'databases',
    scope: 'admin',
    summary: 'Remove the container of a database and keep its data',
    description: 'A later start or spawn brings the database back with what it held.',
    params: byName,
    response: Database,
    status: 200,
    errors: [unknown, 'runtime.unavailable'],
  }),
  logs: route({
    id: 'getDatabaseLogs',
    method: 'GET',
    path: '/admin/databases/{name}/logs',
    tag: 'databases',
    scope: 'admin',
    summary: "Read the worker's log",
    description:
      'One JSON object a line. With `follow`, the answer goes on until the caller closes it.',
    params: byName,
    query: z.object({
      tail: z.coerce.number().int().min(0).max(10_000).default(100),
      follow: z.stringbool().default(false),
    }),
    response: LogLine,
    produces: 'application/x-ndjson',
    status: 200,
    errors: [unknown, 'runtime.unavailable'],
  }),
  stats: route({
    id: 'getDatabaseStats',
    method: 'GET',
    path: '/admin/databases/{name}/stats',
    tag: 'databases',
    scope: 'admin',
    summary: 'CPU, memory, disk and uptime of one database',
    params: byName,
    response: DatabaseStats,
    status: 200,
    errors: [unknown, 'runtime.unavailable'],
  }),
} as const
