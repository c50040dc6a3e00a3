import type { EngineName, ErrorCode } from '@db-forge/contract'

/** Where the core reports what it measured. Labels are bounded: names of engines and codes of the contract. */
export interface Telemetry {
  queryFinished(engine: EngineName, outcome: 'ok' | ErrorCode, seconds: number): void
  spawnFinished(engine: EngineName, outcome: 'ok' | ErrorCode, seconds: number): void
  /** A worker has said something of itself; a kind of the contract. */
  noticed(kind: string): void
}

/** What the core says to the operator. */
export interface CoreLog {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}
