import type { DatabaseId } from '@db-forge/contract'

/** Older readings say nothing about now. */
const READING_MS = 60_000

interface Reading {
  readonly atMs: number
  readonly cpuSeconds: number
}

/** Percent of one core that a worker uses, between one reading of its processor time and the next. */
export class CpuRate {
  readonly #last = new Map<DatabaseId, Reading>()
  readonly #nowMs: () => number

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs
  }

  /** The first reading, and one after a restart, gives the mean since the worker started. */
  percent(id: DatabaseId, cpuSeconds: number, uptimeSeconds: number): number {
    const atMs = this.#nowMs()
    const last = this.#last.get(id)
    this.#last.set(id, { atMs, cpuSeconds })
    const sinceMs = last ? atMs - last.atMs : 0
    if (!last || sinceMs <= 0 || sinceMs > READING_MS || cpuSeconds < last.cpuSeconds)
      return uptimeSeconds > 0 ? (100 * cpuSeconds) / uptimeSeconds : 0
    return (100_000 * (cpuSeconds - last.cpuSeconds)) / sinceMs
  }

  forget(id: DatabaseId): void {
    this.#last.delete(id)
  }
}
