import type {
  Cancelled,
  ConfigureCommand,
  PasswordCommand,
  WorkerHealth,
} from '@db-forge/contract/wire'
import { type Frame, FrameType } from '@db-forge/contract/wire/frame'
import {
  type Connection,
  Leadership,
  parseCancel,
  parseConfigure,
  type Service,
  WorkerFailure,
} from '@db-forge/worker-kit'
import type { Platform } from './engine/platform.ts'
import type { Quota } from './engine/quota.ts'
import type { QuotaWatch } from './engine/quota-watch.ts'
import type { SessionWatch } from './engine/session-watch.ts'
import type { Watchdog } from './engine/watchdog.ts'
import type { Lane } from './lane/lane.ts'
import { parsePassword } from './settings-commands.ts'
import { usage } from './usage.ts'

const REQUEST_BYTES_MAX = 64 * 1024

export interface ControlOptions {
  readonly lane: Lane
  readonly platform: Platform
  readonly sessionWatch: SessionWatch
  readonly watchdog: Watchdog
  readonly quota: Quota
  readonly quotaWatch: QuotaWatch
  readonly contained: boolean
  readonly serverPid: () => number | undefined
  readonly welcome: (session: number) => string
}

/** The control socket: health and cancellation, whatever the server is doing. */
export class Control implements Service {
  readonly databaseId: string
  readonly requestBytesMax = REQUEST_BYTES_MAX
  readonly openSession: () => number
  readonly welcome: (session: number) => string
  readonly #options: ControlOptions
  readonly #leadership = new Leadership()

  constructor(options: ControlOptions) {
    this.databaseId = options.lane.databaseId
    this.openSession = options.lane.openSession
    this.welcome = options.welcome
    this.#options = options
  }

  receive(frame: Frame, from: Connection): void {
    switch (frame.type) {
      case FrameType.health:
        answer(frame, from, this.#health())
        return
      case FrameType.configure:
        answer(frame, from, this.#configure(parseConfigure(frame.payload)))
        return
      case FrameType.setPassword:
        answer(frame, from, this.#setPassword(parsePassword(frame.payload)))
        return
      case FrameType.cancel:
        this.#options.lane.cancel(parseCancel(frame.payload))
        // What waits is answered itself as soon as what runs is, so it need not be told apart.
        from.send(FrameType.result, frame.id, JSON.stringify({ begun: true } satisfies Cancelled))
        return
      case FrameType.addReader:
        throw new WorkerFailure('database.busy', 'one lane serves all requests of this engine')
      default:
        throw new WorkerFailure(
          'request.invalid',
          `frames of type ${frame.type} are not understood on this socket`,
        )
    }
  }

  drained(): void {
    // Answers here are short.
  }

  closed(): void {
    // Nothing belongs to a connection of this socket.
  }

  async #configure(command: ConfigureCommand): Promise<object> {
    const { platform, sessionWatch, quota, quotaWatch } = this.#options
    this.#leadership.admit(command)
    quota.maxSizeMb = command.maxSizeMb
    quota.diskFull = command.readOnly === 'disk'
    sessionWatch.limitMs = command.sessionQueryTimeoutMs
    await platform.rename(command.databaseName)
    await quotaWatch.look()
    return {}
  }

  async #setPassword(command: PasswordCommand): Promise<object> {
    this.#leadership.admit(command)
    await this.#options.platform.setPassword(command)
    return {}
  }

  async #health(): Promise<WorkerHealth> {
    const { quota, contained, serverPid, watchdog } = this.#options
    return {
      status: 'ok',
      uptimeSeconds: process.uptime(),
      ...usage(contained, serverPid()),
      ...(await quota.measure()),
      overQuota: quota.exceeded,
      lanes: [{ lane: 0, busyMs: watchdog.busyMs }],
    }
  }
}

function answer({ id }: Frame, to: Connection, made: Promise<object>): void {
  made.then(
    (value) => to.send(FrameType.result, id, JSON.stringify(value)),
    (error: unknown) => to.fail(id, error),
  )
}
