import { stat } from 'node:fs/promises'
import type { WorkerHealth } from '@db-forge/contract/wire'
import { type Frame, FrameType } from '@db-forge/contract/wire/frame'
import type { Reply } from './connection.ts'
import type { Folder } from './folder.ts'
import { type Listener, listen } from './listen.ts'
import type { StatementClock } from './statement-clock.ts'
import { errorText, WorkerFailure } from './worker-failure.ts'

const REQUEST_BYTES_MAX = 64 * 1024

export interface ControlOptions {
  readonly folder: Folder
  readonly clock: StatementClock
  readonly databaseId: string
  readonly welcome: string
}

/** Serves the control socket: answers at any time, whatever SQL runs. */
export function serveControl({
  folder,
  clock,
  databaseId,
  welcome,
}: ControlOptions): Promise<Listener> {
  return listen(folder.controlSocket, {
    databaseId,
    welcome,
    requestBytesMax: REQUEST_BYTES_MAX,
    handle: (frame, reply) => answer(frame, reply, folder, clock),
    isStopping: () => false,
  })
}

function answer(frame: Frame, reply: Reply, folder: Folder, clock: StatementClock): void {
  if (frame.type !== FrameType.health)
    throw new WorkerFailure(
      'request.invalid',
      `frames of type ${frame.type} are not understood on this socket`,
    )
  health(folder, clock).then(
    (report) => reply(FrameType.result, JSON.stringify(report)),
    (error: unknown) => reply(FrameType.error, errorText(error)),
  )
}

async function health(folder: Folder, clock: StatementClock): Promise<WorkerHealth> {
  const cpu = process.cpuUsage()
  return {
    status: 'ok',
    uptimeSeconds: process.uptime(),
    cpuSeconds: (cpu.user + cpu.system) / 1e6,
    memoryBytes: process.memoryUsage.rss(),
    diskBytes: await diskBytes(folder.database),
    busyMs: clock.running()?.forMs ?? null,
  }
}

/** The database with its write-ahead log. */
async function diskBytes(database: string): Promise<number> {
  const files = [database, `${database}-wal`, `${database}-shm`]
  const sizes = await Promise.all(
    files.map((file) =>
      stat(file).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  )
  return sizes.reduce((sum, size) => sum + size, 0)
}
