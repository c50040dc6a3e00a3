/**
 * A worker: the process that owns exactly one database. This thread, the control thread, runs no SQL, so that it
 * can always answer, watch deadlines and end the process; SQL has a thread of its own.
 */
import { randomUUID } from 'node:crypto'
import { setFlagsFromString } from 'node:v8'
import { Worker } from 'node:worker_threads'
import { readConfig, setTempDir } from './config.ts'
import { serveControl } from './control.ts'
import { interruptOnce } from './engine/sqlite-interrupt.ts'
import { EXIT, StartError } from './exit-codes.ts'
import { checkFolder, removeStaleSockets } from './folder.ts'
import { type FolderLock, lockFolder } from './folder-lock.ts'
import type { Listener } from './listen.ts'
import { errorFields, log } from './log.ts'
import type { FromSqlThread, SqlThreadData } from './sql-thread-messages.ts'
import { StatementClock } from './statement-clock.ts'
import { Watchdog } from './watchdog.ts'
import { welcomeText } from './welcome.ts'

/** What may run on after the wish to stop. */
const STOPPING_MS_MAX = 5000

const STOP_SIGNALS = ['SIGTERM', 'SIGINT'] as const

const clock = new StatementClock()

async function main(): Promise<void> {
  process.umask(0o007)
  // Process 1 of a container ignores what it has no handler for.
  const stopEarly = () => process.exit(EXIT.stopped)
  for (const signal of STOP_SIGNALS) process.once(signal, stopEarly)
  const config = readConfig()
  const folder = checkFolder(config)
  // Before SQLite is first used: it looks only then.
  setTempDir(folder.tempDir)
  const lock = lockFolder(folder.lock)
  removeStaleSockets(folder)
  const identity = {
    databaseId: config.databaseId,
    workerId: randomUUID(),
    specHash: config.specHash,
  }
  const sqlThread = startSqlThread({
    clock: clock.shared,
    databasePath: folder.database,
    socketPath: folder.sqlSocket,
    identity,
    maxSizeMb: config.maxSizeMb,
    memoryMb: config.memoryMb,
  })
  const engineVersion = await ready(sqlThread)
  const welcome = welcomeText(identity, { name: config.engine, version: engineVersion })
  const control = await serveControl({ folder, clock, databaseId: config.databaseId, welcome })
  for (const signal of STOP_SIGNALS) {
    process.off(signal, stopEarly)
    process.once(signal, () => stop(signal, sqlThread, control, lock))
  }
  log('info', 'ready', {
    ...identity,
    engineVersion,
    pid: process.pid,
    startMs: Math.round(process.uptime() * 1000),
  })
}

function startSqlThread(workerData: SqlThreadData): Worker {
  // A small nursery is swept often, and with it go prepared statements that nothing else would finalize.
  setFlagsFromString('--max-semi-space-size=1')
  setFlagsFromString('--optimize-for-size')
  setFlagsFromString('--expose-gc')
  const thread = new Worker(new URL('./sql-thread.js', import.meta.url), {
    workerData,
    name: 'sql',
    resourceLimits: { maxOldGenerationSizeMb: Math.max(24, Math.floor(workerData.memoryMb / 2)) },
  })
  let connection = 0
  const watchdog = new Watchdog(
    clock,
    (request) => interruptOnce(connection, request),
    (runningForMs) => {
      log('error', 'a statement ran past its deadline; the worker ends itself', { runningForMs })
      die()
    },
  )
  thread.on('message', (message: FromSqlThread) => {
    if (message.type === 'ready') connection = message.connection
    if (message.type === 'busy') watchdog.wake()
  })
  thread.on('error', fail)
  return thread
}

function ready(sqlThread: Worker): Promise<string> {
  return new Promise((resolve, reject) => {
    sqlThread.on('message', (message: FromSqlThread) => {
      if (message.type === 'ready') resolve(message.engineVersion)
      if (message.type === 'refused') reject(new StartError(message.exitCode, message.message))
    })
  })
}

function stop(signal: string, sqlThread: Worker, control: Listener, lock: FolderLock): void {
  log('info', 'stopping', { signal })
  clock.stop()
  setTimeout(() => {
    log('warn', 'a statement did not end in time; the worker ends without a checkpoint')
    die()
  }, STOPPING_MS_MAX).unref()
  sqlThread.on('message', (message: FromSqlThread) => {
    if (message.type !== 'stopped') return
    control.close().then(() => {
      lock.release()
      log('info', 'stopped')
      process.exit(EXIT.stopped)
    }, fail)
  })
  sqlThread.postMessage('stop')
}

function fail(error: unknown): void {
  log('error', 'the worker failed', errorFields(error))
  if (clock.running()) die()
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
