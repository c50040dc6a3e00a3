import type { Identity } from '@db-forge/worker-kit'

export interface SqlThreadData {
  /** Of the WorkerState. */
  readonly shared: SharedArrayBuffer
  /** 0 writes, the others read. */
  readonly lane: number
  readonly databasePath: string
  readonly socketPath: string
  readonly identity: Identity
  readonly memoryMb: number
  /** Ends by itself after so long without a request; null: never. */
  readonly idleMsMax: number | null
}

export type ToSqlThread =
  /** The database is there and can be opened. */
  | { readonly type: 'open' }
  | { readonly type: 'checkpoint' }
  /** JSON text of a WorkerNotice for those who read streams. */
  | { readonly type: 'notice'; readonly text: string }
  | { readonly type: 'stop' }

export type FromSqlThread =
  | { readonly type: 'ready'; readonly engineName: string; readonly engineVersion: string }
  /** The thread will not start. */
  | { readonly type: 'refused'; readonly exitCode: number; readonly message: string }
  /** A statement begins and nobody watches. */
  | { readonly type: 'busy' }
  /** The volume has no room. */
  | { readonly type: 'diskFull' }
  /** The lane is closed; of the writer: all of the database is in its main file. */
  | { readonly type: 'stopped' }
