import type { Frame } from '@db-forge/contract/wire/frame'
import { type Connection, deadlineOf, parseRequest, type Request } from '@db-forge/worker-kit'
import type { RequestName } from './lane-clock.ts'

/** Beside its payload, about what a waiting request takes. */
const ENTRY_BYTES = 256

/** A request that has arrived and not begun. */
export class Waiting implements RequestName {
  readonly from: Connection
  readonly id: number
  readonly type: number
  readonly deadlineMs: number
  readonly arrivedMs: number
  readonly payloadBytes: number
  #payload: Uint8Array | null
  #request: Request | null = null
  #problem: unknown = null

  constructor({ type, id, payload }: Frame, from: Connection, nowMs: number) {
    this.from = from
    this.id = id
    this.type = type
    this.deadlineMs = deadlineOf(payload)
    this.arrivedMs = nowMs
    this.payloadBytes = payload.length
    this.#payload = payload
  }

  get session(): number {
    return this.from.session
  }

  /** Of memory. */
  get bytes(): number {
    return ENTRY_BYTES + this.payloadBytes
  }

  /** Its payload is let go once it has been read. @throws WorkerFailure */
  request(): Request {
    if (this.#payload) this.#read(this.#payload)
    if (!this.#request) throw this.#problem
    return this.#request
  }

  /** The number of the transaction that it belongs to. */
  transaction(): number | null {
    try {
      const { command } = this.request()
      return 'transaction' in command && typeof command.transaction === 'number'
        ? command.transaction
        : null
    } catch {
      return null
    }
  }

  #read(payload: Uint8Array): void {
    this.#payload = null
    try {
      this.#request = parseRequest(this.type, payload)
    } catch (error) {
      this.#problem = error
    }
  }
}
