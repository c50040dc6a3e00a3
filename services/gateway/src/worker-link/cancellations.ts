import type { ControlChannel } from './control-channel.ts'
import type { Lane } from './lane.ts'
import type { LinkRequest } from './link-request.ts'

/** Of what was taken back from a lane only the first can be what runs. */
const TAKEN_BACK_TOLD = 8

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
      this.#interrupt(lane, id)
      told += 1
      if (told === TAKEN_BACK_TOLD) return
    }
  }

  #tell({ lane, id }: LinkRequest): void {
    if (!lane || lane.closed) return
    lane.cancel(id)
    this.#interrupt(lane, id)
  }

  #interrupt(lane: Lane, id: number): void {
    this.#control.cancel({ lane: lane.number, session: lane.session, id })
  }
}
