import { randomBytes, timingSafeEqual } from 'node:crypto'

const SLOT_BITS = 20
const SLOTS = 2 ** SLOT_BITS
/** So that the number before the slot keeps it positive. */
export const GATEWAY_NUMBER_MAX = 2 ** (31 - SLOT_BITS) - 1
/** What protocol 3.0 has room for, and what 3.2 takes too. */
const SECRET_BYTES = 4

/** What the server itself gave, by which it can be asked to cancel. */
export interface ServerKey {
  readonly socketPath: string
  readonly pid: number
  readonly secret: Buffer
}

export interface CancelKey {
  readonly pid: number
  readonly secret: Buffer
}

/**
 * The keys by which clients ask to cancel. Ids of processes are the same in many containers, so clients get keys of ours:
 * the number of this gateway and a slot in place of the id, so that any of several gateways knows whom to ask.
 */
export class CancelKeys {
  readonly #gatewayNumber: number
  readonly #slots = new Map<number, { readonly secret: Buffer; readonly server: ServerKey }>()
  #last = 0

  constructor(gatewayNumber: number) {
    this.#gatewayNumber = gatewayNumber
  }

  mint(server: ServerKey): CancelKey {
    do this.#last = (this.#last + 1) % SLOTS
    while (this.#slots.has(this.#last))
    const secret = randomBytes(SECRET_BYTES)
    this.#slots.set(this.#last, { secret, server })
    return { pid: this.#gatewayNumber * SLOTS + this.#last, secret }
  }

  /** Undefined for a key that is not one of ours, or no longer. */
  find({ pid, secret }: CancelKey): ServerKey | undefined {
    const found = this.#slots.get(pid % SLOTS)
    if (!found || this.gatewayOf(pid) !== this.#gatewayNumber) return undefined
    const isRight = secret.length === SECRET_BYTES && timingSafeEqual(secret, found.secret)
    return isRight ? found.server : undefined
  }

  /** Whose key it is. */
  gatewayOf(pid: number): number {
    return Math.floor(pid / SLOTS)
  }

  forget({ pid }: CancelKey): void {
    this.#slots.delete(pid % SLOTS)
  }
}

/** The key of one session. */
export class SessionKey {
  readonly #keys: CancelKeys
  readonly #socketPath: string
  #key: CancelKey | null = null

  constructor(keys: CancelKeys, socketPath: string) {
    this.#keys = keys
    this.#socketPath = socketPath
  }

  /** What the client gets for what the server gave. */
  exchange(of: CancelKey): CancelKey {
    this.forget()
    this.#key = this.#keys.mint({ ...of, socketPath: this.#socketPath })
    return this.#key
  }

  forget(): void {
    if (this.#key) this.#keys.forget(this.#key)
    this.#key = null
  }
}
