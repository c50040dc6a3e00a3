import { randomUUID } from 'node:crypto'
import type { Socket } from 'node:net'
import cookie from '@fastify/cookie'
import Fastify, {
  type FastifyBaseLogger,
  type FastifyContextConfig,
  type FastifyInstance,
  type FastifyServerOptions,
  LogController,
} from 'fastify'
import { serializerCompiler } from 'fastify-type-provider-zod'
import type { Catalog } from '../core/catalog.ts'
import type { Credentials } from '../core/credentials.ts'
import type { DatabaseJobs } from '../core/database-jobs.ts'
import type { Databases } from '../core/databases.ts'
import type { Idempotency } from '../core/idempotency.ts'
import type { Jobs } from '../core/jobs.ts'
import type { Platform } from '../core/platform.ts'
import type { QueryPath } from '../core/query-path.ts'
import type { Spawning } from '../core/spawning.ts'
import type { Transactions } from '../core/transactions.ts'
import type { EventBus } from '../events/event-bus.ts'
import { registerAuth } from './auth.ts'
import { registerDashboard } from './dashboard.ts'
import { registerIdempotency } from './idempotency.ts'
import { registerJsonBodies } from './json-body.ts'
import { registerLookup } from './lookup.ts'
import type { Metrics } from './metrics.ts'
import { validator } from './mount.ts'
import { registerOpenApi } from './openapi.ts'
import { registerProblems } from './problem.ts'
import { Realtime } from './realtime.ts'
import { registerRequestLog } from './request-log.ts'
import { dataRoutes } from './routes/data.ts'
import { databaseRoutes } from './routes/databases.ts'
import { jobRoutes } from './routes/jobs.ts'
import { platformRoutes } from './routes/platform.ts'
import { queryRoutes } from './routes/queries.ts'
import { sessionRoutes } from './routes/session.ts'

type RouteConfig = FastifyContextConfig & { readonly url?: string }

export interface ServerOptions {
  readonly version: string
  readonly logger: FastifyBaseLogger
  readonly bodyBytesMax: number
  readonly trustedProxies: readonly string[]
  readonly dashboardUrl: string | undefined
  readonly catalog: Catalog
  readonly credentials: Credentials
  readonly databases: Databases
  readonly spawning: Spawning
  readonly databaseJobs: DatabaseJobs
  readonly jobs: Jobs
  readonly idempotency: Idempotency
  readonly queryPath: QueryPath
  readonly transactions: Transactions
  readonly platform: Platform
  readonly metrics: Metrics
  readonly events: EventBus
  /** Aborts when the gateway begins to stop: endless answers end, readiness says so. */
  readonly stopping: AbortSignal
}

/** The HTTP server, ready to listen or to be injected into. */
export async function createServer(options: ServerOptions): Promise<FastifyInstance> {
  const app = Fastify({
    loggerInstance: options.logger,
    logController: new LogController({ disableRequestLogging: true }),
    childLoggerFactory: sharedLoggers(),
    genReqId: () => randomUUID(),
    requestIdHeader: false,
    bodyLimit: options.bodyBytesMax,
    trustProxy: options.trustedProxies.length > 0 ? [...options.trustedProxies] : false,
    requestTimeout: 60_000,
    http: { headersTimeout: 10_000, connectionsCheckingInterval: 2_000 },
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 4096 },
  })
  registerEveryRequest(app)
  registerSilentConnections(app)
  registerProblems(app)
  registerJsonBodies(app)
  registerRequestLog(app)
  // Read by hand where one is wanted: most requests carry a token.
  await app.register(cookie, { hook: false })
  registerAuth(app, options.credentials)
  options.metrics.register(app)
  await registerApi(app, options)
  if (options.dashboardUrl !== undefined) await registerDashboard(app, options.dashboardUrl)
  return app
}

/** Browsers open connections ahead of need; Node takes one on which nothing was asked for busy, and would wait for it. */
function registerSilentConnections(app: FastifyInstance): void {
  const connections = new Set<Socket>()
  app.server.on('connection', (socket: Socket) => {
    connections.add(socket)
    socket.once('close', () => connections.delete(socket))
  })
  app.addHook('preClose', (done) => {
    for (const socket of connections) if (socket.bytesRead === 0) socket.destroy()
    done()
  })
}

/** What all later hooks and every answer can count on. */
function registerEveryRequest(app: FastifyInstance): void {
  app.decorateRequest('problemCode', undefined)
  app.decorateRequest('route', null)
  app.addHook('onRequest', (request, reply, done) => {
    request.route = request.routeOptions.config
    reply.header('x-request-id', request.id)
    reply.header('x-content-type-options', 'nosniff')
    done()
  })
}

/** A logger for each request would cost as much as the line it writes: lines name their request themselves. */
function sharedLoggers(): NonNullable<FastifyServerOptions['childLoggerFactory']> {
  const byLevel = new Map<string, FastifyBaseLogger>()
  return (logger, _bindings, { level }) => {
    if (level === undefined) return logger
    const known = byLevel.get(level) ?? logger.child({}, { level })
    byLevel.set(level, known)
    return known
  }
}

function registerRealtime(app: FastifyInstance, options: ServerOptions): void {
  const { catalog, credentials, events, databases, jobs } = options
  new Realtime(app, {
    credentials,
    events,
    databases: () =>
      catalog
        .all()
        .filter(({ deletedAt }) => deletedAt === null)
        .map((row) => catalog.present(row)),
    database(id) {
      const row = catalog.get(id)
      return row?.deletedAt === null ? catalog.present(row) : undefined
    },
    stats: ({ name }) => databases.stats(name),
    logs: ({ name }, follow) => databases.logs(name, follow),
    job: (id) => jobs.get(id),
    failed: (error) => app.log.warn({ err: error }, 'a room could not be told'),
  })
}

async function registerApi(app: FastifyInstance, options: ServerOptions): Promise<void> {
  registerRealtime(app, options)
  await registerOpenApi(app, options.version)
  // In a scope of their own: compilers for zod would meet other plugins' JSON schemas otherwise.
  app.register((scope, _options, done) => {
    scope.setValidatorCompiler(validator).setSerializerCompiler(serializerCompiler)
    registerIdempotency(scope, options.idempotency)
    if (options.catalog.isShared) registerLookup(scope, options.catalog)
    databaseRoutes(scope, options, options.stopping)
    jobRoutes(scope, options.jobs)
    queryRoutes(scope, options.queryPath, options.transactions)
    dataRoutes(scope, options.queryPath)
    platformRoutes(scope, options.platform, options.stopping)
    sessionRoutes(scope, options.credentials)
    done()
  })
}

declare module 'fastify' {
  interface FastifyRequest {
    /** The settings of its route: the same object for each request, and no work to get at. */
    route: RouteConfig | null
  }
}
