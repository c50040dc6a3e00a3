import type { EngineName, Limits } from './databases.ts'

interface EngineLimits {
  /** Of a database that is spawned without saying. */
  readonly defaults: Limits
  /** The least memory that its worker can do its work with, MiB. */
  readonly memoryMbMin: number
}

/** What an engine's databases are given. The gateway enforces it; the dashboard reads it. */
export const engineLimits: Readonly<Record<EngineName, EngineLimits>> = {
  sqlite: {
    defaults: {
      memoryMb: 128,
      cpus: 1,
      maxSizeMb: 1024,
      queryTimeoutMs: 30_000,
      sessionQueryTimeoutMs: 0,
      sleepAfterMs: null,
      connectionsMax: null,
      pidsMax: null,
    },
    memoryMbMin: 64,
  },
  postgres: {
    defaults: {
      memoryMb: 256,
      cpus: 1,
      maxSizeMb: 1024,
      queryTimeoutMs: 30_000,
      sessionQueryTimeoutMs: 0,
      sleepAfterMs: null,
      connectionsMax: null,
      pidsMax: null,
    },
    memoryMbMin: 128,
  },
}
