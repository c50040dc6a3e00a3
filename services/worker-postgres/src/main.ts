/**
 * A worker: the process that owns exactly one database, with a PostgreSQL server as its child. It alone speaks to the
 * server's roles; it ends when the server does, and the server when it does.
 */
import { randomUUID } from 'node:crypto'
import {
  EXIT,
  errorFields,
  type Identity,
  type Listener,
  type LogFields,
  listen,
  log,
  StartError,
  welcomeText,
} from '@db-forge/worker-kit'
import { nowMs } from './clock.ts'
import { type Config, readConfig } from './config.ts'
import { Control } from './control.ts'
import { ANSWER_BYTES_MAX } from './engine/answer.ts'
import { Engine } from './engine/engine.ts'
import { Platform } from './engine/platform.ts'
import { Quota } from './engine/quota.ts'
import { QuotaWatch } from './engine/quota-watch.ts'
import { SessionWatch } from './engine/session-watch.ts'
import { Sessions } from './engine/sessions.ts'
import { Watchdog } from './engine/watchdog.ts'
import { checkFolder, type Folder, removeStale } from './folder.ts'
import { lockFolder } from './folder-lock.ts'
import { Lane } from './lane/lane.ts'
import { Notices } from './notices.ts'
import { giveUpRoot } from './run-as.ts'
import { findBinaries } from './server/binaries.ts'
import { createData, dataMajor, writeAccessRules } from './server/data-directory.ts'
import { DatabaseName } from './server/database-name.ts'
import { LiveSettings } from './server/live-settings.ts'
import { Server } from './server/server.ts'
import { sessionsMax, settings } from './server/settings.ts'

/** What may run on after the wish to stop, before the server is asked to end. */
const DRAIN_MS = 800
const STOP_SIGNALS = ['SIGTERM', 'SIGINT'] as const

/** What a signal does; handlers are never exchanged, since a signal between two of them would be lost. */
let onStop: (signal: string) => void = () => process.exit(EXIT.stopped)

async function main(): Promise<void> {
  process.umask(0o007)
  // Process 1 of a container ignores what it has no handler for.
  for (const signal of STOP_SIGNALS) process.on(signal, () => onStop(signal))
  const config = readConfig()
  giveUpRoot(config)
  const folder = checkFolder(config)
  const notices = new Notices()
  const live = new LiveSettings(folder.data)
  const { server, settled, version } = await startServer(config, folder, live, notices)
  let stopping = false
  void server.exited.then((exit) => {
    if (stopping) return
    log('error', 'the server has ended', { ...exit })
    process.exit(EXIT.failed)
  })
  const name = new DatabaseName(folder.data)
  const platform = new Platform(folder.serverSocket, name)
  await platform.ready()
  await Promise.all([settled, platform.restoreGrants()])
  const worker = await serve(config, folder, { server, platform, name, version, live, notices })
  onStop = (signal) => {
    if (stopping) return
    stopping = true
    stop(signal, worker, server).catch(fail)
  }
  log('info', 'ready', worker.report)
}

async function startServer(config: Config, folder: Folder, live: LiveSettings, notices: Notices) {
  const lock = await lockFolder(folder)
  const made = dataMajor(folder.data)
  const binaries = findBinaries({ dir: config.binDir, major: made })
  const settle =
    made === null ? await createData(folder.data, binaries, config.templatesDir) : async () => {}
  log('info', 'the data is there', {
    major: binaries.major,
    fresh: made === null,
    afterMs: uptimeMs(),
  })
  removeStale(folder)
  writeAccessRules(folder.data)
  const { memoryMb, maxSizeMb, contained } = config
  try {
    live.write({ maxSizeMb, readOnly: false })
  } catch (error) {
    // Those of the last start serve until there is room.
    log('warn', 'the settings could not be written', errorFields(error))
  }
  const { major } = binaries
  const server = new Server({
    binaries,
    data: folder.data,
    settings: settings({ memoryMb, socketDir: folder.runDir, major, contained }),
    memoryMb,
    lockFd: lock.fd,
    onDiskFull: () => notices.diskFull(),
  })
  return { server, settled: settle(), version: binaries.version }
}

interface Parts {
  readonly server: Server
  readonly platform: Platform
  readonly name: DatabaseName
  readonly version: string
  readonly live: LiveSettings
  readonly notices: Notices
}

interface Running {
  readonly lane: Lane
  readonly sessions: Sessions
  readonly platform: Platform
  readonly listeners: readonly Listener[]
  readonly report: LogFields
}

async function serve(config: Config, folder: Folder, parts: Parts): Promise<Running> {
  const { server, platform, name, version, live, notices } = parts
  const identity: Identity = {
    databaseId: config.databaseId,
    workerId: randomUUID(),
    specHash: config.specHash,
  }
  const max = sessionsMax(config.memoryMb)
  const sessions = new Sessions({
    path: folder.serverSocket,
    name,
    platform,
    sessionsMax: max,
    messageBytesMax: ANSWER_BYTES_MAX,
  })
  const quota = new Quota(folder.data, config.maxSizeMb)
  const watchdog = new Watchdog(platform, () => server.kill())
  const quotaWatch = new QuotaWatch({
    quota,
    platform,
    watchdog,
    saveSettings: async () => {
      const { maxSizeMb, refusal } = quota
      if (live.write({ maxSizeMb, readOnly: refusal !== null }))
        await platform.command('select pg_catalog.pg_reload_conf()')
    },
    notify: (notice) => notices.send(notice),
  })
  quotaWatch.start()
  const welcome = (lane: number | null) => (session: number) =>
    welcomeText(
      identity,
      { name: 'postgres', version },
      { lane, session, clockMs: nowMs(), ...(lane === null ? { lanes: [0] } : {}) },
    )
  let opened = 0
  const lane = new Lane({
    engine: new Engine(sessions, platform, quota),
    watchdog,
    databaseId: config.databaseId,
    memoryMb: config.memoryMb,
    transactionsMax: Math.max(2, Math.floor(max / 2)),
    openSession: () => {
      opened += 1
      return opened
    },
    welcome: welcome(0),
  })
  const control = new Control({
    lane,
    platform,
    sessionWatch: new SessionWatch(platform),
    watchdog,
    quota,
    quotaWatch,
    contained: config.contained,
    serverPid: () => server.pid,
    welcome: welcome(null),
  })
  const controlListener = await listen(folder.controlSocket, control)
  notices.listener = controlListener
  const listeners = [await listen(folder.sqlSocket, lane), controlListener]
  const report = {
    ...identity,
    engineVersion: version,
    pid: process.pid,
    serverPid: server.pid,
    startMs: uptimeMs(),
  }
  return { lane, sessions, platform, listeners, report }
}

async function stop(signal: string, running: Running, server: Server): Promise<void> {
  log('info', 'stopping', { signal })
  const { lane, sessions, platform, listeners } = running
  await lane.stop(DRAIN_MS)
  sessions.close()
  platform.close()
  const exit = await server.stop()
  await Promise.all(listeners.map((listener) => listener.close()))
  log('info', 'stopped', { ...exit })
  process.exit(EXIT.stopped)
}

const uptimeMs = () => Math.round(process.uptime() * 1000)

function fail(error: unknown): void {
  log('error', 'the worker failed', errorFields(error))
  process.exit(EXIT.failed)
}

process.on('uncaughtException', fail)
process.on('unhandledRejection', fail)
main().catch((error: unknown) => {
  if (!(error instanceof StartError)) return fail(error)
  log('error', error.message, { exitCode: error.exitCode })
  process.exit(error.exitCode)
})
