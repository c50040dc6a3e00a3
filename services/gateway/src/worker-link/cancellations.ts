import type { ControlChannel } from './control-channel.ts'
import type { Lane } from './lane.ts'
import { CancelledError } from './link-errors.ts'
import type { LinkRequest } from './link-request.ts'

/** Of what was taken back from a lane only the first can be what runs. */
const TAKEN_BACK_TOLD = 8
const ANSWER_MS = 5000

/** Says that requests are cancelled, to their lanes and to the control thread, until they are answered. */
export class Cancellations {
  readonly #control: ControlChannel
  readonly #under = new Set<LinkRequest>()

  constructor(control: ControlChannel) {
    this.#control = control
  }

  get count(): number {
    return this.#under.size
  }

  begin(request: LinkRequest): void {
    this.#under.add(request)
    this.#tell(request)
  }

  end(request: LinkRequest): void {
    this.#under.delete(request)
  }

  repeat(readers: readonly Lane[]): void {
    for (const request of this.#under) {
      if (request.settled) this.#under.delete(request)
      else this.#tell(request)
    }
    for (const lane of readers) this.#interruptTakenBack(lane)
  }

  #interruptTakenBack(lane: Lane): void {
    let told = 0
    for (const id of lane.takenBack) {
      void this.#interrupt(lane, id)
      told += 1
      if (told === TAKEN_BACK_TOLD) return
    }
  }

  /** What waits behind a long write need not wait for the lane to say so. */
  #tell(request: LinkRequest): void {
    const { lane, id } = request
    if (!lane || lane.closed) return
    lane.cancel(id)
    void this.#interrupt(lane, id).then((begun) => {
      if (!begun && request.lane === lane && request.id === id && !request.settled)
        request.fail(new CancelledError())
    })
  }

  /** @returns whether it may have begun. */
  #interrupt(lane: Lane, id: number): Promise<boolean> {
    const command = { lane: lane.number, session: lane.session, id }
    return this.#control.cancel(command, ANSWER_MS).catch(() => true)
  }
}
