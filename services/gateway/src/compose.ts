import { randomBytes } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { DatabaseState, EngineName } from '@db-forge/contract'
import { VOLUME_MARKER } from '@db-forge/contract/wire'
import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import { systemClock } from './clock.ts'
import { guardDisk, startDisk } from './compose-disk.ts'
import { composeLife, type Life } from './compose-life.ts'
import { type OpenStore, openStore } from './compose-store.ts'
import { composeWork } from './compose-work.ts'
import type { Config } from './config.ts'
import { Catalog } from './core/catalog.ts'
import { Credentials } from './core/credentials.ts'
import { Databases } from './core/databases.ts'
import type { DiskGuard } from './core/disk-guard.ts'
import { Platform } from './core/platform.ts'
import { QueryPath } from './core/query-path.ts'
import { RunningQueries } from './core/running-queries.ts'
import { SessionTargets } from './core/session-target.ts'
import { Spawning } from './core/spawning.ts'
import type { Telemetry } from './core/telemetry.ts'
import { Transactions } from './core/transactions.ts'
import { engines } from './engines/registry.ts'
import type { ReferenceResolver } from './events/postgres-event-bus.ts'
import { Metrics } from './http/metrics.ts'
import { createServer } from './http/server.ts'
import { type OpenPort, SessionPort } from './pg-port/session-port.ts'
import { availableMemory } from './runtime/available-memory.ts'
import { type DataLayout, dataLayout } from './runtime/data-layout.ts'
import { folderSize } from './runtime/folder-size.ts'
import {
  type SelectedRuntime,
  selectRuntime,
  type WorkerProgram,
} from './runtime/select-runtime.ts'
import type { MetadataStore } from './store/metadata-store.ts'
import { tokenFile } from './token-file.ts'
import { readVersion } from './version.ts'
import { WorkerLinks } from './worker-link/worker-links.ts'

export interface Gateway {
  readonly app: FastifyInstance
  /** The admin token, the one time that it is new. */
  readonly newToken: string | null
  readonly tokenPath: string
  readonly runtimeKind: string
  readonly runtimeReason: string
  /** Opens the port for PostgreSQL's clients; null where there is to be none. */
  listenForSessions(): Promise<OpenPort | null>
  /** Finds or starts the databases that should run, and goes on seeing to them, while it leads. */
  start(): Promise<void>
  /** Drains requests, then lets go of workers and store. */
  close(): Promise<void>
}

/** Builds the gateway out of its parts. The only place that names concrete adapters. */
export async function composeGateway(config: Config, log: Logger): Promise<Gateway> {
  const layout = dataLayout(config.dataDir)
  const disk = await guardDisk(config, log)
  await prepareFolders(layout)
  // What happens before there is a catalog is in the store when that is read.
  let follow: ReferenceResolver = async () => null
  const { close: closeStore, ...opened } = await openStore(
    config.storeUrl,
    layout.metaDir,
    (reference) => follow(reference),
    log,
  )
  const secrets = tokenFile(config.secretsDir)
  const credentials = new Credentials(opened.store)
  const newToken = await credentials.prepare(config.adminToken, secrets)
  const chosen = await chooseRuntime(config, layout, await instanceId(opened.store), log)
  const core = composeCore({ ...opened, ...chosen, config, layout, disk, log })
  const { catalog, life, work, sessionPort, metrics, events } = core
  follow = core.follow
  await catalog.reload()
  const stopping = new AbortController()
  const { bodyBytesMax, trustedProxies, dashboardUrl } = config
  const { databases, spawning, queryPath, transactions, platform } = core
  const app = await createServer({
    version: readVersion(),
    logger: log,
    ...{ bodyBytesMax, trustedProxies, dashboardUrl },
    ...{ catalog, credentials, databases, spawning, queryPath, transactions, platform, metrics },
    ...work.uses,
    events,
    stopping: stopping.signal,
  })
  return {
    app,
    async start() {
      startDisk({ ...opened, disk, catalog, life, log })
      life.start()
      work.start()
      await opened.leadership.start()
    },
    listenForSessions: () => sessionPort.listen(core.targets, metrics.sessions, log),
    newToken,
    tokenPath: secrets.path,
    runtimeKind: chosen.runtime.kind,
    runtimeReason: chosen.reason,
    async close() {
      stopping.abort()
      await Promise.all([app.close(), sessionPort.close(), work.close()])
      await disk.close()
      await life.close()
      await closeStore()
    },
  }
}

interface CoreParts extends Omit<OpenStore, 'close'>, SelectedRuntime {
  readonly config: Config
  readonly layout: DataLayout
  readonly disk: DiskGuard
  readonly log: Logger
}

/** What there is between the server and the adapters. */
function composeCore(given: CoreParts) {
  const { config, layout, disk, log, store, events, isShared, runtime } = given
  const sessionPort = new SessionPort({ ...config, config: config.pg })
  const connectionOf = (name: string, engine: EngineName) =>
    engines[engine].hasSessions ? sessionPort.connectionTo(name) : null
  const catalog = new Catalog(store, events, runtime.kind, connectionOf, { isShared })
  const links = linkWorkers(layout, disk, log, { life: () => life, telemetry: () => telemetry })
  const running = new RunningQueries()
  const metrics = new Metrics({
    databasesByState: () => countStates(catalog),
    runningQueries: () => running.count,
    openCircuits: () => links.openCircuits,
    volume: () => disk.volume(),
  })
  const { telemetry } = metrics
  const shared = { ...given, catalog, clock: systemClock }
  const life: Life = composeLife({
    ...shared,
    links,
    availableMemory,
    readOnly: () => disk.readOnly,
    isBusy: (id) => running.has(id) || transactions.isOpen(id) || sessionPort.isBusy(id),
  })
  const { lifecycle, activity, pool } = life
  const parts = { ...shared, lifecycle, engines, telemetry, running, activity, pool }
  const diskUsage = (id: string) => folderSize(layout.databaseDir(id))
  const { deletedKeptMs } = config
  const databases = new Databases({ ...parts, diskUsage, deletedKeptMs })
  const spawning = new Spawning({ ...parts, databases })
  const work = composeWork({ ...parts, databases, isStoreShared: isShared })
  const queryPath = new QueryPath({ databases, lifecycle, telemetry, running })
  const transactions = new Transactions({ databases, path: queryPath })
  const platform = new Platform({
    ...shared,
    version: readVersion(),
    runtimeReason: given.reason,
    pool: () => pool.sizes,
    leads: () => given.leadership.term !== null,
    diskUsage,
    deletedKeptMs,
    requests: () => metrics.requests,
  })
  const follow: ReferenceResolver = (reference) =>
    reference.type === 'job.changed' ? work.follow(reference) : catalog.follow(reference)
  const targets = new SessionTargets({ ...parts, runDirOf: layout.runDir })
  const uses = { databases, spawning, queryPath, transactions, platform, metrics, targets }
  return { ...uses, catalog, events, life, work, sessionPort, follow }
}

/** What workers have to say reaches parts that need the links themselves. */
function linkWorkers(
  { runDir: runDirOf }: DataLayout,
  disk: DiskGuard,
  log: Logger,
  parts: { readonly life: () => Life; readonly telemetry: () => Telemetry },
): WorkerLinks {
  return new WorkerLinks({
    runDirOf,
    onDown: (id, cause) => {
      log.warn({ databaseId: id, err: cause }, 'connection to the worker lost')
      // For want of room, perhaps: then it needs some before it can come up.
      void disk.look().then(() => parts.life().lost(id))
    },
    onNotice: (id, notice) => {
      log.warn({ databaseId: id, ...notice }, 'notice of a worker')
      parts.telemetry().noticed(notice.kind)
      if (notice.kind === 'disk.full') void disk.look()
    },
    onSilent: (id) => parts.life().lifecycle.replaceSilent(id),
  })
}

async function chooseRuntime(
  config: Config,
  layout: DataLayout,
  instanceId: string,
  log: Logger,
): ReturnType<typeof selectRuntime> {
  const program = (engine: EngineName, entryUrl: string): WorkerProgram => ({
    entry: fileURLToPath(entryUrl),
    image: config.workerImages[engine] ?? `db-forge/worker-${engine}:${readVersion()}`,
    // An image that the user names is taken as it is.
    buildContext: config.workerImages[engine] === undefined ? config.buildContext : undefined,
  })
  const chosen = await selectRuntime({
    mode: config.runtime,
    layout,
    instanceId,
    workers: {
      sqlite: program('sqlite', import.meta.resolve('@db-forge/worker')),
      postgres: program('postgres', import.meta.resolve('@db-forge/worker-postgres')),
    },
    searchPath: config.searchPath,
    onProgress: (line) => log.info({ line }, 'building a worker image'),
  })
  log.info({ runtime: chosen.runtime.kind, reason: chosen.reason }, 'runtime selected')
  return chosen
}

async function prepareFolders(layout: DataLayout): Promise<void> {
  await mkdir(layout.databasesDir, { recursive: true })
  await mkdir(layout.metaDir, { recursive: true, mode: 0o700 })
  await writeFile(
    join(layout.root, VOLUME_MARKER),
    'A worker that can see this file sees too much.\n',
  )
}

/** Tells the workers of this installation from those of others on the same Docker. */
function instanceId(store: MetadataStore): Promise<string> {
  return store.settings.setIfAbsent('instance_id', randomBytes(6).toString('hex'))
}

function countStates(catalog: Catalog): Map<DatabaseState, number> {
  const counts = new Map<DatabaseState, number>()
  for (const { state } of catalog.all()) counts.set(state, (counts.get(state) ?? 0) + 1)
  return counts
}
