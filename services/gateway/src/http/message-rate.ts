/** Lets through so many messages in a second, and as many at once. */
export class MessageRate {
  readonly #perSecond: number
  readonly #now: () => number
  #left: number
  #at: number

  constructor(perSecond: number, now: () => number = () => performance.now()) {
    this.#perSecond = perSecond
    this.#now = now
    this.#left = perSecond
    this.#at = now()
  }

  /** How many messages beyond what is allowed there have been, lately; 0 lets this one through. */
  count(): number {
    const now = this.#now()
    this.#left = Math.min(this.#perSecond, this.#left + ((now - this.#at) / 1000) * this.#perSecond)
    this.#at = now
    this.#left -= 1
    return this.#left >= 0 ? 0 : Math.ceil(-this.#left)
  }
}
