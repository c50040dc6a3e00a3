import type { Clock } from '../clock.ts'

/** Mulberry32: small, fast, and the same on every machine. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

interface Timer {
  readonly at: number
  readonly order: number
  readonly run: () => void
}

const EPOCH = Date.parse('2030-01-01T00:00:00Z')
/** What has no point or timer to go on at for so many steps hangs. */
const STEPS_MAX = 200_000

/**
 * Decides what goes on next. Whatever the program waits for in the world is a point; one of those that are open is let go
 * at each step, drawn by the seed, and time moves on only when none is.
 */
export class Scheduler implements Clock {
  readonly random: () => number
  readonly #points: (() => void)[] = []
  readonly #timers: Timer[] = []
  #now = 0
  #order = 0
  steps = 0

  constructor(seed: number) {
    this.random = randomOf(seed)
  }

  now(): number {
    return this.#now
  }

  date(): Date {
    return new Date(EPOCH + this.#now)
  }

  after(ms: number, run: () => void): () => void {
    const timer = { at: this.#now + Math.max(ms, 0), order: this.#order++, run }
    this.#timers.push(timer)
    return () => {
      const at = this.#timers.indexOf(timer)
      if (at >= 0) this.#timers.splice(at, 1)
    }
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const onAbort = () => {
        cancel()
        reject(signal?.reason)
      }
      const cancel = this.after(ms, () => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      })
      signal?.addEventListener('abort', onAbort, { once: true })
    })
  }

  /** Resolves when it is its turn. */
  point(): Promise<void> {
    return new Promise((resolve) => this.#points.push(resolve))
  }

  /** Goes on until the promise is settled. @throws what it throws, or an Error when nothing is left to go on with */
  async until<T>(promise: Promise<T>): Promise<T> {
    let settled = false
    const done = () => {
      settled = true
    }
    promise.then(done, done)
    while (!settled) if (!(await this.#step())) await this.#stuck(() => settled)
    return promise
  }

  /** Lets time pass, and whatever happens in it. */
  async pass(ms: number): Promise<void> {
    await this.until(this.sleep(ms))
  }

  chance(share: number): boolean {
    return this.random() < share
  }

  pick<T>(list: readonly T[]): T {
    const picked = list[Math.floor(this.random() * list.length)]
    if (picked === undefined) throw new Error('nothing to pick from')
    return picked
  }

  async #step(): Promise<boolean> {
    await new Promise<void>((resolve) => setImmediate(resolve))
    if (++this.steps > STEPS_MAX) throw new Error('it does not come to rest')
    if (this.#points.length > 0) {
      const [next] = this.#points.splice(Math.floor(this.random() * this.#points.length), 1)
      next?.()
      return true
    }
    return this.#nextTimer()
  }

  #nextTimer(): boolean {
    let first: Timer | undefined
    for (const timer of this.#timers)
      if (!first || timer.at < first.at || (timer.at === first.at && timer.order < first.order))
        first = timer
    if (!first) return false
    this.#timers.splice(this.#timers.indexOf(first), 1)
    this.#now = Math.max(this.#now, first.at)
    first.run()
    return true
  }

  async #stuck(isOver: () => boolean): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve))
    if (!isOver() && this.#points.length === 0 && this.#timers.length === 0)
      throw new Error('nothing is left to go on with')
  }
}
