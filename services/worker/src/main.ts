/**
 * A worker: the process that owns exactly one database. This thread, the control thread, runs no SQL, so that it
 * can always answer, watch deadlines and end the process; SQL has threads of its own.
 */
import { randomUUID } from 'node:crypto'
import type { WorkerNotice } from '@db-forge/contract/wire'
import { EXIT, errorFields, type Listener, log, StartError } from '@db-forge/worker-kit'
import { readConfig, setTempDir } from './config.ts'
import { pushNotice, serveControl } from './control.ts'
import { interruptOnce } from './engine/sqlite-interrupt.ts'
import { checkFolder, removeStaleSockets } from './folder.ts'
import { type FolderLock, lockFolder } from './folder-lock.ts'
import { FolderWatch } from './folder-watch.ts'
import { Lanes } from './lanes.ts'
import { Watchdog } from './watchdog.ts'
import { WorkerState } from './worker-state.ts'

/** What may run on after the wish to stop. */
const STOPPING_MS_MAX = 5000

const STOP_SIGNALS = ['SIGTERM', 'SIGINT'] as const

const state = new WorkerState()
let watchdog: Watchdog | undefined

async function main(): Promise<void> {
  process.umask(0o007)
  // Process 1 of a container ignores what it has no handler for.
  let onStop = (_signal: string): void => process.exit(EXIT.stopped)
  // One handler throughout: a signal that comes while there is none between two of them would be lost.
  for (const signal of STOP_SIGNALS) process.on(signal, () => onStop(signal))
  const config = readConfig()
  const folder = checkFolder(config)
  // Before SQLite is first used: it looks only then.
  setTempDir(folder.tempDir)
  const lock = lockFolder(folder.lock)
  removeStaleSockets(folder)
  state.maxSizeMb = config.maxSizeMb
  const identity = {
    databaseId: config.databaseId,
    workerId: randomUUID(),
    specHash: config.specHash,
  }
  const lanes = new Lanes({
    state,
    folder,
    config,
    identity,
    onBusy: () => watchdog?.wake(),
    onDiskFull: () => folderWatch.diskFull(),
    onFailure: fail,
  })
  const listeners: Listener[] = []
  const folderWatch = new FolderWatch({
    state,
    folder,
    endLongest: (forMs, writers) => watchdog?.endLongest(forMs, writers),
    notify: (notice) => notify(lanes, listeners, notice),
    checkpoint: () => lanes.checkpoint(),
  })
  const watching = new Watchdog({
    state,
    lanes: () => lanes.clocks,
    interrupt: interruptOnce,
    onOverdue,
    onLook: () => folderWatch.look(),
  })
  watchdog = watching
  const engine = await lanes.start()
  const control = await serveControl({
    folder,
    state,
    lanes,
    folderWatch,
    watchdog: watching,
    identity,
    engine,
  })
  listeners.push(control)
  let stopping = false
  onStop = (signal) => {
    if (!stopping) stop(signal, lanes, control, lock)
    stopping = true
  }
  log('info', 'ready', {
    ...identity,
    engineVersion: engine.version,
    pid: process.pid,
    startMs: Math.round(process.uptime() * 1000),
  })
}

function notify(lanes: Lanes, listeners: readonly Listener[], notice: WorkerNotice): void {
  for (const listener of listeners) pushNotice(listener, notice)
  lanes.tell({ type: 'notice', text: JSON.stringify(notice) })
}

function onOverdue(runningForMs: number): void {
  log('error', 'a statement ran past its deadline; the worker ends itself', {
    runningForMs: Math.round(runningForMs),
  })
  die()
}

function stop(signal: string, lanes: Lanes, control: Listener, lock: FolderLock): void {
  log('info', 'stopping', { signal })
  state.stop()
  setTimeout(() => {
    log('warn', 'a statement did not end in time; the worker ends without a checkpoint')
    die()
  }, STOPPING_MS_MAX).unref()
  const stopped = async () => {
    await lanes.stop()
    await control.close()
    lock.release()
    log('info', 'stopped')
    process.exit(EXIT.stopped)
  }
  stopped().catch(fail)
}

function fail(error: unknown): void {
  log('error', 'the worker failed', errorFields(error))
  if (watchdog && watchdog.running().length > 0) die()
  process.exit(EXIT.failed)
}

/**
 * Ends the process while SQL may be running: `process.exit` would wait for that thread. SIGKILL does not reach
 * process 1 of a container from within, an abort does.
 */
function die(): never {
  process.kill(process.pid, 'SIGKILL')
  process.abort()
}

process.on('uncaughtException', fail)
process.on('unhandledRejection', fail)
main().catch((error: unknown) => {
  if (!(error instanceof StartError)) return fail(error)
  log('error', error.message, { exitCode: error.exitCode })
  process.exit(error.exitCode)
})
