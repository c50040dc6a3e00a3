/**
 * The thread that runs SQL. It owns its connection to the database and its own socket, so a query is never
 * copied between threads. All it shares with the control thread is the statement clock.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { type Frame, FrameType } from '@db-forge/contract/wire/frame'
import type { Engine } from './engine/engine.ts'
import { SqliteEngine } from './engine/sqlite.ts'
import { StartError } from './exit-codes.ts'
import type { Payload } from './json-text.ts'
import { type Listener, listen } from './listen.ts'
import { parseBatch, parseDescribe, parseQuery } from './request.ts'
import type { FromSqlThread, SqlThreadData } from './sql-thread-messages.ts'
import { StatementClock } from './statement-clock.ts'
import { welcomeText } from './welcome.ts'
import { WorkerFailure } from './worker-failure.ts'

async function main(data: SqlThreadData): Promise<void> {
  const clock = new StatementClock(data.clock)
  const engine = new SqliteEngine({
    path: data.databasePath,
    maxSizeMb: data.maxSizeMb,
    memoryMb: data.memoryMb,
  })
  const { identity } = data
  const listener = await listen(data.socketPath, {
    databaseId: identity.databaseId,
    welcome: welcomeText(identity, engine),
    requestBytesMax: requestBytesMax(data.memoryMb),
    handle: (frame, reply) => reply(FrameType.result, answer(engine, clock, frame)),
    isStopping: () => clock.stopping,
  })
  parentPort?.once('message', () => void stop(listener, engine))
  tell({ type: 'ready', engineVersion: engine.version, connection: engine.connection })
}

/** From here on a request's garbage is collected at once: in a small container it would not fit twice. */
const LARGE_REQUEST_BYTES = 512 * 1024

/** A request is held about six times over on its way into the database: as bytes, text, values, bindings, pages. */
const requestBytesMax = (memoryMb: number) => Math.min(Math.floor(memoryMb / 16), 48) * 1024 * 1024

function answer(engine: Engine, clock: StatementClock, { type, payload }: Frame): Payload {
  const collect = payload.length >= LARGE_REQUEST_BYTES ? globalThis.gc : undefined
  if (collect) setImmediate(() => collect())
  const run = understand(engine, type, payload)
  collect?.()
  return timed(engine, clock, run)
}

interface Run {
  readonly timeoutMs: number
  now(): Payload
}

function understand(engine: Engine, type: number, payload: Uint8Array): Run {
  switch (type) {
    case FrameType.query: {
      const request = parseQuery(payload)
      return { timeoutMs: request.timeoutMs, now: () => engine.query(request) }
    }
    case FrameType.batch: {
      const request = parseBatch(payload)
      return { timeoutMs: request.timeoutMs, now: () => engine.batch(request) }
    }
    case FrameType.describe: {
      const request = parseDescribe(payload)
      return { timeoutMs: request.timeoutMs, now: () => engine.describe(request) }
    }
    default:
      throw new WorkerFailure(
        'request.invalid',
        `frames of type ${type} are not understood on this socket`,
      )
  }
}

function timed(engine: Engine, clock: StatementClock, run: Run): Payload {
  engine.begin(clock.start(run.timeoutMs))
  if (!clock.watched) tell({ type: 'busy' })
  try {
    return run.now()
  } finally {
    engine.end()
    clock.end()
  }
}

async function stop(listener: Listener, engine: Engine): Promise<void> {
  await listener.close()
  engine.close()
  tell({ type: 'stopped' })
  parentPort?.close()
}

function tell(message: FromSqlThread): void {
  parentPort?.postMessage(message)
}

main(workerData as SqlThreadData).catch((error: unknown) => {
  if (!(error instanceof StartError)) throw error
  tell({ type: 'refused', exitCode: error.exitCode, message: error.message })
  parentPort?.close()
})
