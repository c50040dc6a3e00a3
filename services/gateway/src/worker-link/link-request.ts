import { type Frame, FrameType } from '@db-forge/contract/wire'
import type { Lane } from './lane.ts'
import { failureOf, ProtocolError } from './link-errors.ts'
import type { Side } from './statement-routes.ts'

export interface LinkCommand {
  readonly type: FrameType
  /** JSON text. */
  readonly payload: string
  /** In milliseconds of `performance.now()`. */
  readonly deadline: number
  /** Where it runs; `statement`: on the kind of lane that suits this text. */
  readonly place: { readonly side: Side } | { readonly statement: string } | { readonly lane: Lane }
}

/** One request on its way. It is settled once; after that whatever a lane still says of it is dropped. */
export abstract class LinkRequest {
  readonly type: FrameType
  readonly payload: string
  readonly deadline: number
  /** The text by which it is routed; null where its place is given. */
  readonly sql: string | null
  /** The one lane that will do. */
  readonly pinned: Lane | null
  side: Side = 'reader'
  /** Its place is a guess: the lane may send it back, and what it does instead is worth remembering. */
  guessed = false
  redirects = 0
  /** The lane that has it now, or had it last, and by which number. */
  lane: Lane | null = null
  id = 0
  /** It has been written to some lane. */
  sent = false
  /** An answer has begun. */
  begun = false
  /** Since when no lane has been free for it. */
  waitingSince: number | null = null
  cancelling = false
  settled = false

  constructor(command: LinkCommand) {
    this.type = command.type
    this.payload = command.payload
    this.deadline = command.deadline
    const { place } = command
    this.sql = 'statement' in place ? place.statement : null
    this.pinned = 'lane' in place ? place.lane : null
    if ('side' in place) this.side = place.side
  }

  /** Takes a frame that is neither redirect nor anything but its own. True if it was the last. @throws ProtocolError */
  abstract take(frame: Frame): boolean
  abstract fail(error: Error): void
}

/** A request with one answer. */
export class SingleRequest extends LinkRequest {
  readonly answer: Promise<Uint8Array>
  #resolve!: (payload: Uint8Array) => void
  #reject!: (error: Error) => void

  constructor(command: LinkCommand) {
    super(command)
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  take(frame: Frame): true {
    if (frame.type === FrameType.result) this.#resolve(frame.payload)
    else if (frame.type === FrameType.error) this.#reject(failureOf(frame.payload))
    else throw new ProtocolError(`the worker answered with a frame of type ${frame.type}`)
    this.settled = true
    return true
  }

  fail(error: Error): void {
    if (this.settled) return
    this.settled = true
    this.#reject(error)
  }
}
