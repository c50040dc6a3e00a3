import { z } from 'zod'
import { DatabaseState, EngineName, RuntimeKind } from './databases.ts'
import { route } from './route.ts'

export const HealthCheck = z.object({
  status: z.enum(['ok', 'warning', 'error']),
  detail: z.string().optional(),
})
export type HealthCheck = z.output<typeof HealthCheck>

export const Health = z
  .object({
    status: z.enum(['healthy', 'unhealthy']),
    version: z.string(),
    uptimeSeconds: z.number(),
    checks: z.object({ store: HealthCheck, runtime: HealthCheck, disk: HealthCheck }),
  })
  .meta({ id: 'Health' })
export type Health = z.output<typeof Health>

export const PlatformStats = z
  .object({
    version: z.string(),
    uptimeSeconds: z.number(),
    runtime: z.object({
      kind: RuntimeKind,
      reason: z.string().describe('Why this runtime was taken'),
      isolation: z.string().describe('What separates the databases from one another'),
    }),
    databases: z.object({
      total: z.int(),
      byState: z.partialRecord(DatabaseState, z.int()),
      sizeBytes: z.int().describe('Of the data of all databases, deleted ones too'),
      deletedKeptMs: z.int().describe('How long the data of a deleted database are kept'),
    }),
    pool: z
      .record(EngineName, z.object({ ready: z.int(), target: z.int() }))
      .describe('Workers that are ready before there are databases for them'),
    gateway: z
      .object({
        memoryBytes: z.int(),
        cpuSeconds: z.number(),
        leads: z.boolean().describe('Of the gateways that share a store, one sees to the workers'),
      })
      .describe('The one that has answered'),
    disk: z
      .object({
        totalBytes: z.int(),
        freeBytes: z.int(),
        floorBytes: z
          .int()
          .describe(
            'What is to stay free; with less, nothing that grows is taken. 0 for no such floor',
          ),
        readOnly: z.boolean().describe('There is less, or has been and there is not enough yet'),
        ballastBytes: z
          .int()
          .describe(
            'Held back for workers that need room to recover; 0 once they have been given it',
          ),
      })
      .describe('The volume that holds the data'),
    requests: z.object({ total: z.int(), errors: z.int().describe('Answers of 500 and above') }),
  })
  .meta({ id: 'PlatformStats' })
export type PlatformStats = z.output<typeof PlatformStats>

export const Discovery = z
  .object({
    databases: z.array(
      z.object({
        name: z.string(),
        engine: EngineName,
        state: DatabaseState,
        queryUrl: z.string().describe('Path of the query endpoint'),
      }),
    ),
  })
  .meta({ id: 'Discovery' })
export type Discovery = z.output<typeof Discovery>

export const Session = z
  .object({ role: z.literal('admin'), expiresAt: z.iso.datetime().nullable() })
  .meta({ id: 'Session' })
export type Session = z.output<typeof Session>

export const platform = {
  stats: route({
    id: 'getPlatformStats',
    method: 'GET',
    path: '/admin/stats',
    tag: 'platform',
    scope: 'admin',
    summary: 'What the whole platform uses',
    response: PlatformStats,
    status: 200,
    errors: [],
  }),
  discovery: route({
    id: 'discoverDatabases',
    method: 'GET',
    path: '/admin/discovery',
    tag: 'platform',
    scope: 'admin',
    summary: 'Names, states and addresses of all databases',
    response: Discovery,
    status: 200,
    errors: [],
  }),
  health: route({
    id: 'getHealth',
    method: 'GET',
    path: '/health',
    tag: 'platform',
    scope: null,
    summary: 'Health of each component; 503 if one fails',
    response: Health,
    status: 200,
    alsoStatus: 503,
    errors: [],
  }),
  live: route({
    id: 'getLiveness',
    method: 'GET',
    path: '/health/live',
    tag: 'platform',
    scope: null,
    summary: 'Whether the process answers',
    response: z.object({ status: z.literal('live') }),
    status: 200,
    errors: [],
  }),
  ready: route({
    id: 'getReadiness',
    method: 'GET',
    path: '/health/ready',
    tag: 'platform',
    scope: null,
    summary: 'Whether requests should be sent here; 503 while starting or stopping',
    response: z.object({ status: z.enum(['ready', 'stopping', 'unhealthy']) }),
    status: 200,
    alsoStatus: 503,
    errors: [],
  }),
} as const

export const session = {
  create: route({
    id: 'createSession',
    method: 'POST',
    path: '/admin/session',
    tag: 'session',
    scope: null,
    summary: 'Sign in to the dashboard with the admin token',
    description: 'Sets an HttpOnly cookie. Programs send the token itself instead.',
    body: z.strictObject({ token: z.string().min(1).max(200) }),
    response: Session,
    status: 201,
    errors: ['auth.invalid', 'auth.origin'],
  }),
  get: route({
    id: 'getSession',
    method: 'GET',
    path: '/admin/session',
    tag: 'session',
    scope: 'admin',
    summary: 'Who the caller is',
    response: Session,
    status: 200,
    errors: [],
  }),
  delete: route({
    id: 'deleteSession',
    method: 'DELETE',
    path: '/admin/session',
    tag: 'session',
    scope: null,
    summary: 'Sign out',
    response: z.undefined(),
    status: 204,
    errors: ['auth.origin'],
  }),
} as const
