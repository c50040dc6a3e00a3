import type { Cancelled, WorkerHealth } from '@db-forge/contract/wire'
import { type Frame, FrameType } from '@db-forge/contract/wire/frame'
import { type Connection, parseCancel, type Service, WorkerFailure } from '@db-forge/worker-kit'
import type { Quota } from './engine/quota.ts'
import type { Watchdog } from './engine/watchdog.ts'
import type { Lane } from './lane/lane.ts'
import { usage } from './usage.ts'

const REQUEST_BYTES_MAX = 64 * 1024

export interface ControlOptions {
  readonly lane: Lane
  readonly watchdog: Watchdog
  readonly quota: Quota
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

  constructor(options: ControlOptions) {
    this.databaseId = options.lane.databaseId
    this.openSession = options.lane.openSession
    this.welcome = options.welcome
    this.#options = options
  }

  receive(frame: Frame, from: Connection): void {
    switch (frame.type) {
      case FrameType.health:
        this.#health().then(
          (health) => from.send(FrameType.result, frame.id, JSON.stringify(health)),
          (error: unknown) => from.fail(frame.id, error),
        )
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
