import { setTimeout as delay } from 'node:timers/promises'

/** Time as the gateway sees it. Tests hand in one that they move themselves. */
export interface Clock {
  /** Monotonic milliseconds: no change of the system's time moves them. They mean nothing to another process. */
  now(): number
  /** The time of day, for people and for records only. */
  date(): Date
  /** Runs `run` once after `ms` and returns what cancels it. Waiting alone does not keep the process alive. */
  after(ms: number, run: () => void): () => void
  /** Resolves after `ms`; rejects with the signal's reason once it is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

export const systemClock: Clock = {
  now: () => performance.now(),
  date: () => new Date(),
  after(ms, run) {
    const timer = setTimeout(run, ms)
    timer.unref()
    return () => clearTimeout(timer)
  },
  async sleep(ms, signal) {
    try {
      await delay(ms, undefined, { ref: false, ...(signal && { signal }) })
    } catch (error) {
      signal?.throwIfAborted()
      throw error
    }
  },
}
