import { setImmediate as turn } from 'node:timers/promises'
import type { Clock } from '../clock.ts'

interface Timer {
  readonly due: number
  readonly of: VirtualClock
  readonly run: () => void
}

/** Time that passes only when a test says so, for any number of processes. */
export class VirtualTime {
  #now = 0
  readonly #timers = new Set<Timer>()

  get now(): number {
    return this.#now
  }

  clock(startsAt = 0): VirtualClock {
    return new VirtualClock(this, startsAt)
  }

  add(timer: Timer): () => void {
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  /** Runs what becomes due meanwhile, one after the other, each to where it waits for something else. */
  async pass(ms: number): Promise<void> {
    const end = this.#now + ms
    await turn()
    for (let next = this.#next(end); next; next = this.#next(end)) {
      this.#timers.delete(next)
      this.#now = Math.max(this.#now, next.due)
      next.run()
      await turn()
    }
    this.#now = end
  }

  #next(end: number): Timer | undefined {
    let next: Timer | undefined
    for (const timer of this.#timers)
      if (!timer.of.stands && timer.due <= end && (!next || timer.due < next.due)) next = timer
    return next
  }
}

/** As one process sees it. */
class VirtualClock implements Clock {
  /** The process has been stopped, as by SIGSTOP: time goes on without it. */
  stands = false
  readonly #time: VirtualTime
  readonly #startsAt: number

  constructor(time: VirtualTime, startsAt: number) {
    this.#time = time
    this.#startsAt = startsAt
  }

  now(): number {
    return this.#startsAt + this.#time.now
  }

  date(): Date {
    return new Date(this.#time.now)
  }

  after(ms: number, run: () => void): () => void {
    return this.#time.add({ due: this.#time.now + ms, of: this, run })
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const cancel = this.after(ms, () => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      })
      const onAbort = () => {
        cancel()
        reject(signal?.reason)
      }
      signal?.addEventListener('abort', onAbort, { once: true })
    })
  }
}
