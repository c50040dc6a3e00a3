import type { DatabaseId, EngineName, RuntimeKind } from '@db-forge/contract'

export interface CallOptions {
  readonly signal?: AbortSignal
}

/**
 * Everything needed to start one worker. Specs that one worker can fulfil after the other have equal `hash`, so `ensure`
 * knows when to replace.
 */
export interface WorkerSpec {
  readonly databaseId: DatabaseId
  readonly engine: EngineName
  /** Rises with each worker that is to replace another one. */
  readonly generation: number
  readonly limits: {
    readonly memoryMb: number
    readonly cpus: number
    /** What a worker goes by until it is told another size. */
    readonly maxSizeMb: number
    /** Null for as many processes as the engine needs. */
    readonly pidsMax: number | null
  }
  readonly hash: string
}

type WorkerState =
  /** `since` is when the worker's process started. */
  | { readonly status: 'running'; readonly since: Date }
  | { readonly status: 'exited'; readonly exitCode: number | null; readonly oomKilled: boolean }

export interface WorkerInfo {
  readonly databaseId: DatabaseId
  readonly specHash: string
  /** Folder that holds the worker's sockets, as the gateway sees it. */
  readonly runDir: string
  readonly state: WorkerState
}

/** Something happened to a worker that may concern its database. Says only which: look with `inspect`. */
export type WorkerEvent =
  | { readonly type: 'started' | 'exited' | 'removed'; readonly databaseId: DatabaseId }
  /** What has happened until now may not have been told. */
  | { readonly type: 'gap' }

export interface LogLine {
  readonly at: Date
  readonly stream: 'stdout' | 'stderr'
  readonly line: string
}

export interface WorkerUsage {
  readonly cpuSeconds: number
  readonly memoryBytes: number
  /** Null where the runtime cannot hold a worker to a limit. */
  readonly memoryLimitBytes: number | null
}

/** The runtime itself does not answer; nothing is known about any worker. */
export class RuntimeUnavailableError extends Error {}

/** The runtime answers, but this worker did not come up. `logTail` is what it last said. */
export class WorkerStartError extends Error {
  readonly logTail: readonly string[]
  constructor(message: string, logTail: readonly string[] = [], options?: ErrorOptions) {
    super(message, options)
    this.logTail = logTail
  }
}

/** What this engine needs is not here; others may run all the same. */
export class EngineUnavailableError extends Error {}

/** Data cannot be removed while there is a worker that owns it, running or not. */
export class WorkerPresentError extends Error {
  constructor(databaseId: DatabaseId) {
    super(`${databaseId} still has a worker`)
  }
}

/**
 * Where workers live. Every method may throw RuntimeUnavailableError. All are safe to repeat, and calls for
 * one database are made one after another by the caller.
 */
export interface WorkerRuntime {
  readonly kind: RuntimeKind
  /** What separates one worker from another, in a sentence for users. */
  readonly isolation: string
  /**
   * Converges on `spec`: makes the folder, creates, starts or replaces as needed. Resolves once the worker's
   * sockets accept connections. A spec of the same hash that runs already goes on, with the limits that can be changed.
   * @throws WorkerStartError if the worker does not come up in time or exits.
   * @throws EngineUnavailableError if no worker of this engine can run here.
   */
  ensure(spec: WorkerSpec, opts?: CallOptions): Promise<WorkerInfo>
  inspect(id: DatabaseId, opts?: CallOptions): Promise<WorkerInfo | null>
  /** Every worker that is ours, also those the store has forgotten, running or not. */
  list(opts?: CallOptions): Promise<WorkerInfo[]>
  /** Ends the worker and keeps what is needed to start it again. Stopping what does not run succeeds. */
  stop(id: DatabaseId, opts?: CallOptions & { readonly graceMs?: number }): Promise<void>
  /** Removes the worker, running or not, and leaves its data. Removing what is not there succeeds. */
  remove(id: DatabaseId, opts?: CallOptions): Promise<void>
  /**
   * The only method that destroys data. Removing what is not there succeeds.
   * @throws WorkerPresentError while there is a worker, running or not: remove that first.
   */
  removeData(id: DatabaseId, opts?: CallOptions): Promise<void>
  /** The worker's output, oldest line first. Ends when the worker does, or at once unless `follow`. */
  logs(
    id: DatabaseId,
    opts: CallOptions & { readonly follow: boolean; readonly tail: number },
  ): AsyncIterable<LogLine>
  /** Null unless the worker runs. */
  usage(id: DatabaseId, opts?: CallOptions): Promise<WorkerUsage | null>
  /** Calls back until the signal aborts. Events may be missed; who needs certainty lists. */
  watch(onEvent: (event: WorkerEvent) => void, opts: { readonly signal: AbortSignal }): void
  ping(opts?: CallOptions): Promise<void>
  /** Lets go of what the gateway holds. Containers go on; processes end with the gateway that stops. */
  close(): Promise<void>
}
