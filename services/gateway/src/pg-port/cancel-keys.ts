import { randomBytes, timingSafeEqual } from 'node:crypto'

/** A client's `pid` has the gateway's number above the session's. The sign bit stays clear, for clients that show it. */
const SESSION_BITS = 19
const SESSIONS_MAX = 2 ** SESSION_BITS
export const GATEWAY_NUMBER_MAX = 4095

export const gatewayOf = (pid: number): number => pid >>> SESSION_BITS

export interface Key {
  readonly pid: number
  readonly secret: Buffer
}

/** How to cancel what a session's server is doing. */
export interface CancelTarget {
  readonly socketPath: string
  /** The server's own. */
  readonly key: Key
}

interface Entry extends CancelTarget {
  readonly secret: Buffer
}

/** The keys by which clients cancel: ours, since a server's say nothing of where it is. */
export class CancelKeys {
  readonly #gatewayNumber: number
  readonly #entries = new Map<number, Entry>()
  #last = 0

  constructor(gatewayNumber: number) {
    this.#gatewayNumber = gatewayNumber
  }

  /** A key for the client, as long as the server's: the protocol's version sets the length. */
  mint(target: CancelTarget): Key {
    const secret = randomBytes(target.key.secret.length)
    const pid = this.#gatewayNumber * SESSIONS_MAX + this.#freeNumber()
    this.#entries.set(pid, { ...target, secret })
    return { pid, secret }
  }

  find({ pid, secret }: Key): CancelTarget | undefined {
    const entry = this.#entries.get(pid)
    if (entry?.secret.length !== secret.length) return undefined
    return timingSafeEqual(entry.secret, secret) ? entry : undefined
  }

  forget({ pid }: Key): void {
    this.#entries.delete(pid)
  }

  /** Far more than the sessions that can be open. 0 is none: some clients take it for the lack of a key. */
  #freeNumber(): number {
    do this.#last = (this.#last % (SESSIONS_MAX - 1)) + 1
    while (this.#entries.has(this.#gatewayNumber * SESSIONS_MAX + this.#last))
    return this.#last
  }
}
