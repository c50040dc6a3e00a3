/** Bounds of what one statement may ask for, in the order of SQLite's SQLITE_LIMIT_… numbers. */
const NAMES = [
  'valueBytes',
  'sqlBytes',
  'columns',
  'expressionDepth',
  'compoundSelects',
  'programSteps',
  'functionArguments',
  'attached',
  'likePatternBytes',
  'variables',
  'triggerDepth',
  'workerThreads',
  'parserDepth',
] as const

export type GuardLimits = Readonly<Record<(typeof NAMES)[number], number>> & {
  /** How long a statement waits for another connection's lock. */
  readonly busyMs: number
}

const MB = 1024 * 1024

export const BUSY_MS = 5000

/** Generous to those who mean well, and within the memory that a worker has. */
export function guardLimits(memoryMb: number): GuardLimits {
  return {
    busyMs: BUSY_MS,
    // A value may exist several times over while a function makes it.
    valueBytes: Math.min(Math.max(Math.floor(memoryMb / 8), 8), 64) * MB,
    // A parsed text takes up to some fifty times its length.
    sqlBytes: Math.min(Math.max(Math.floor(memoryMb / 64), 1), 16) * MB,
    columns: 1000,
    expressionDepth: 1000,
    compoundSelects: 200,
    // 24 bytes each.
    programSteps: 1_000_000,
    functionArguments: 127,
    // VACUUM attaches a nameless file; the authorizer lets nobody else.
    attached: 1,
    // Matching takes the product of pattern and value, and cannot be interrupted.
    likePatternBytes: 256,
    variables: 32_766,
    triggerDepth: 100,
    workerThreads: 0,
    parserDepth: -1,
  }
}

export const limitList = (limits: GuardLimits): number[] => NAMES.map((name) => limits[name])
