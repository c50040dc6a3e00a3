import type { ConfigureCommand, WorkerHealth, WorkerNotice } from '@db-forge/contract/wire'
import { type Frame, FrameType } from '@db-forge/contract/wire/frame'
import {
  type Connection,
  type Identity,
  Leadership,
  type Listener,
  listen,
  parseCancel,
  parseConfigure,
  WorkerFailure,
  welcomeText,
} from '@db-forge/worker-kit'
import type { Folder } from './folder.ts'
import { folderSize } from './folder-size.ts'
import type { FolderWatch } from './folder-watch.ts'
import type { EngineName, Lanes } from './lanes.ts'
import type { Watchdog } from './watchdog.ts'
import type { WorkerState } from './worker-state.ts'

const REQUEST_BYTES_MAX = 64 * 1024

export interface ControlOptions {
  readonly folder: Folder
  readonly state: WorkerState
  readonly lanes: Lanes
  readonly folderWatch: FolderWatch
  readonly watchdog: Watchdog
  readonly identity: Identity
  readonly engine: EngineName
}

interface Heeding extends ControlOptions {
  readonly leadership: Leadership
}

/** Serves the control socket: answers at any time, whatever SQL runs. */
export function serveControl(options: ControlOptions): Promise<Listener> {
  const { folder, state, lanes, identity, engine } = options
  const leadership = new Leadership()
  return listen(folder.controlSocket, {
    databaseId: identity.databaseId,
    requestBytesMax: REQUEST_BYTES_MAX,
    openSession: () => state.openSession(),
    welcome: (session) =>
      welcomeText(identity, engine, {
        lane: null,
        lanes: lanes.open,
        session,
        clockMs: state.nowMs(),
      }),
    receive: (frame, from) => receive({ ...options, leadership }, frame, from),
    drained: () => undefined,
    closed: () => undefined,
  })
}

/** Tells all who listen on the control socket. */
export function pushNotice(listener: Listener, notice: WorkerNotice): void {
  for (const connection of listener.connections)
    if (connection.greeted) connection.send(FrameType.notice, 0, JSON.stringify(notice))
}

function receive(options: Heeding, { type, id, payload }: Frame, from: Connection): void {
  switch (type) {
    case FrameType.health:
      from.send(FrameType.result, id, JSON.stringify(health(options)))
      break
    case FrameType.cancel: {
      const { lane, ...name } = parseCancel(payload)
      const begun = !options.watchdog.cancel(lane, name)
      from.send(FrameType.result, id, JSON.stringify({ begun }))
      break
    }
    case FrameType.addReader:
      options.lanes.add().then(
        (lane) => from.send(FrameType.result, id, JSON.stringify({ lane })),
        (error: unknown) => from.fail(id, error),
      )
      break
    case FrameType.configure:
      configure(options, parseConfigure(payload))
      from.send(FrameType.result, id, '{}')
      break
    default:
      throw new WorkerFailure(
        'request.invalid',
        `frames of type ${type} are not understood on this socket`,
      )
  }
}

/** Clients of other protocols there are none of here. */
function configure(options: Heeding, command: ConfigureCommand): void {
  const { state, folderWatch, watchdog, leadership } = options
  leadership.admit(command)
  state.maxSizeMb = command.maxSizeMb
  state.diskFull = command.readOnly === 'disk'
  folderWatch.lookNow()
  watchdog.wake()
}

function health({ folder, state, lanes, watchdog }: ControlOptions): WorkerHealth {
  const cpu = process.cpuUsage()
  const { totalBytes, walBytes, tempBytes } = folderSize(folder)
  const running = new Map(watchdog.running().map((one) => [one.lane, one]))
  const now = state.nowMs()
  return {
    status: 'ok',
    uptimeSeconds: process.uptime(),
    cpuSeconds: (cpu.user + cpu.system) / 1e6,
    memoryBytes: process.memoryUsage.rss(),
    diskBytes: totalBytes,
    walBytes,
    tempBytes,
    overQuota: state.overQuota,
    lanes: lanes.open.map((lane) => {
      const startedMs = running.get(lane)?.startedMs
      return { lane, busyMs: startedMs === undefined ? null : Math.max(now - startedMs, 0) }
    }),
  }
}
