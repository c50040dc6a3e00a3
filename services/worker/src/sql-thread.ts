/**
 * A thread that runs SQL: one lane. It owns its connections to the database and its own socket, so a query is never
 * copied between threads. All it shares with the control thread is the worker's state.
 */
import { dirname } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import { type Listener, listen, StartError, welcomeText } from '@db-forge/worker-kit'
import type { Engine } from './engine/engine.ts'
import { SqliteEngine } from './engine/sqlite.ts'
import { watchVolume } from './engine/volume.ts'
import { Runner } from './runner.ts'
import { Scheduler } from './scheduler.ts'
import type { FromSqlThread, SqlThreadData, ToSqlThread } from './sql-thread-messages.ts'
import { WorkerState } from './worker-state.ts'

const MB = 1024 * 1024

interface Lane {
  readonly engine: Engine
  readonly scheduler: Scheduler
  readonly listener: Listener
}

async function openLane(data: SqlThreadData): Promise<Lane> {
  watchVolume(dirname(data.databasePath), () => tell({ type: 'diskFull' }))
  const { lane, identity, memoryMb } = data
  const state = new WorkerState(data.shared)
  const engine = new SqliteEngine({
    path: data.databasePath,
    maxSizeMb: state.maxSizeMb,
    memoryMb,
    role: lane === 0 ? 'writer' : 'reader',
  })
  const runner = new Runner(state, lane, () => tell({ type: 'busy' }))
  const waitingBytesMax = memoryMb * 16 * 1024
  const scheduler = new Scheduler({ lane, engine, runner, waitingBytesMax })
  const listener = await listen(data.socketPath, {
    databaseId: identity.databaseId,
    requestBytesMax: requestBytesMax(memoryMb),
    openSession: () => state.openSession(),
    welcome: (session) => welcomeText(identity, engine, { lane, session, clockMs: state.nowMs() }),
    receive: (frame, from) => scheduler.receive(frame, from),
    drained: () => scheduler.drained(),
    closed: (connection) => scheduler.closed(connection),
  })
  return { engine, scheduler, listener }
}

/**
 * A request is held about six times over on its way into the database: as bytes, text, values, bindings, pages; and
 * as bytes in each lane while it waits for one in another.
 */
const requestBytesMax = (memoryMb: number) => Math.min(Math.floor((memoryMb * MB) / 24), 48 * MB)

function main(data: SqlThreadData): void {
  let opened: Promise<Lane> | undefined
  parentPort?.on('message', (message: ToSqlThread) => {
    if (message.type === 'open') {
      opened = open(data)
      opened.catch(refuse)
    } else opened?.then((lane) => heed(lane, message), refuse)
  })
}

async function open(data: SqlThreadData): Promise<Lane> {
  const lane = await openLane(data)
  if (data.idleMsMax !== null) endWhenIdle(lane, data.idleMsMax)
  const { name, version } = lane.engine
  tell({ type: 'ready', engineName: name, engineVersion: version })
  return lane
}

function heed(lane: Lane, message: ToSqlThread): void {
  switch (message.type) {
    case 'stop':
      void stop(lane)
      break
    case 'checkpoint':
      lane.scheduler.checkpoint()
      break
    case 'notice':
      lane.scheduler.notice(message.text)
      break
    case 'open':
      break
  }
}

function endWhenIdle(lane: Lane, idleMsMax: number): void {
  const timer = setInterval(() => {
    if (lane.scheduler.idleMs < idleMsMax) return
    clearInterval(timer)
    void stop(lane)
  }, idleMsMax / 4)
}

async function stop({ engine, scheduler, listener }: Lane): Promise<void> {
  scheduler.stop()
  await listener.close()
  engine.close()
  tell({ type: 'stopped' })
  parentPort?.close()
}

function refuse(error: unknown): void {
  if (!(error instanceof StartError)) throw error
  tell({ type: 'refused', exitCode: error.exitCode, message: error.message })
  parentPort?.close()
}

function tell(message: FromSqlThread): void {
  parentPort?.postMessage(message)
}

main(workerData as SqlThreadData)
