import type { Identity } from './welcome.ts'

export interface SqlThreadData {
  readonly clock: SharedArrayBuffer
  readonly databasePath: string
  readonly socketPath: string
  readonly identity: Identity
  readonly maxSizeMb: number
  readonly memoryMb: number
}

export type FromSqlThread =
  | { readonly type: 'ready'; readonly engineVersion: string; readonly connection: number }
  /** The thread will not start. */
  | { readonly type: 'refused'; readonly exitCode: number; readonly message: string }
  /** A statement begins and nobody watches. */
  | { readonly type: 'busy' }
  /** The database is closed, all of it in its main file. */
  | { readonly type: 'stopped' }
