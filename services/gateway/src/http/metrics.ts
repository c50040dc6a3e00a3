import type { DatabaseState } from '@db-forge/contract'
import type { FastifyInstance } from 'fastify'
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import type { Volume } from '../core/disk-guard.ts'
import type { Telemetry } from '../core/telemetry.ts'
import type { PgTelemetry } from '../pg-port/pg-port.ts'
import { DurationHistogram } from './duration-histogram.ts'

const QUERY_BUCKETS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
]
const SPAWN_BUCKETS = [0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30]

/** What is looked up when somebody asks. */
export interface LiveFigures {
  readonly databasesByState: () => ReadonlyMap<DatabaseState, number>
  readonly runningQueries: () => number
  readonly openCircuits: () => number
  readonly volume: () => Promise<Volume>
}

/** Prometheus metrics of one gateway. Labels come from routes, codes and states alone, so their number is bounded. */
export class Metrics {
  readonly registry = new Registry()
  readonly telemetry: Telemetry
  readonly sessions: PgTelemetry
  #requests = 0
  #failures = 0
  readonly #http: DurationHistogram<'method' | 'route' | 'status'>

  constructor(live: LiveFigures) {
    const { registry } = this
    const registers = [registry]
    collectDefaultMetrics({ register: this.registry })
    this.#http = new DurationHistogram({
      name: 'http_server_request_duration_seconds',
      help: 'Time to answer a request',
      labelNames: ['method', 'route', 'status'],
      buckets: QUERY_BUCKETS,
      registry,
    })
    const queries = new DurationHistogram({
      name: 'db_client_operation_duration_seconds',
      help: 'Time of a request to a worker, by engine and outcome',
      labelNames: ['engine', 'outcome'],
      buckets: QUERY_BUCKETS,
      registry,
    })
    const spawns = new DurationHistogram({
      name: 'dbforge_spawn_duration_seconds',
      help: 'Time from a spawn request to a database that answers',
      labelNames: ['engine', 'outcome'],
      buckets: SPAWN_BUCKETS,
      registry,
    })
    new Gauge({
      name: 'dbforge_databases',
      help: 'Databases by state',
      labelNames: ['state'],
      registers,
      collect() {
        this.reset()
        for (const [state, count] of live.databasesByState()) this.set({ state }, count)
      },
    })
    new Gauge({
      name: 'dbforge_running_queries',
      help: 'Requests that workers are asked right now',
      registers,
      collect() {
        this.set(live.runningQueries())
      },
    })
    new Gauge({
      name: 'dbforge_open_circuits',
      help: 'Workers that are asked nothing because they have not answered',
      registers,
      collect() {
        this.set(live.openCircuits())
      },
    })
    new Gauge({
      name: 'dbforge_volume_bytes',
      help: 'The volume that holds the data: its size, what is free, what is to stay free, what is held back',
      labelNames: ['what'],
      registers,
      async collect() {
        const { totalBytes, freeBytes, floorBytes, ballastBytes } = await live.volume()
        this.set({ what: 'total' }, totalBytes)
        this.set({ what: 'free' }, freeBytes)
        this.set({ what: 'floor' }, floorBytes)
        this.set({ what: 'ballast' }, ballastBytes)
      },
    })
    new Gauge({
      name: 'dbforge_volume_read_only',
      help: '1 while the volume has no room and databases only read',
      registers,
      async collect() {
        this.set((await live.volume()).readOnly ? 1 : 0)
      },
    })
    const notices = new Counter({
      name: 'dbforge_worker_notices_total',
      help: 'What workers have said of themselves, such as a write-ahead log that grows',
      labelNames: ['kind'],
      registers,
    })
    const sessions = new Gauge({
      name: 'dbforge_sessions',
      help: 'Connections of PostgreSQL clients',
      registers,
    })
    const refused = new Counter({
      name: 'dbforge_sessions_refused_total',
      help: 'Connections of PostgreSQL clients that were refused here, by SQLSTATE',
      labelNames: ['sqlstate'],
      registers,
    })
    this.sessions = {
      opened: () => sessions.inc(),
      closed: () => sessions.dec(),
      refused: (sqlstate) => refused.inc({ sqlstate }),
    }
    this.telemetry = {
      noticed: (kind) => notices.inc({ kind }),
      queryFinished: (engine, outcome, seconds) => queries.observe(seconds, engine, outcome),
      spawnFinished: (engine, outcome, seconds) => spawns.observe(seconds, engine, outcome),
    }
  }

  get requests(): { readonly total: number; readonly errors: number } {
    return { total: this.#requests, errors: this.#failures }
  }

  register(app: FastifyInstance): void {
    app.addHook('onResponse', (request, reply, done) => {
      const route = request.route?.url ?? 'none'
      const status = reply.statusCode
      this.#requests += 1
      if (status >= 500) this.#failures += 1
      this.#http.observe(reply.elapsedTime / 1000, request.method, route, `${status}`)
      done()
    })
    app.get(
      '/metrics',
      { config: { scope: 'admin' }, schema: { hide: true } },
      async (_request, reply) =>
        reply.type(this.registry.contentType).send(await this.registry.metrics()),
    )
  }
}
