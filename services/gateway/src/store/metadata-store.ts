import type { Database, DatabaseId, DatabaseState, EngineName, Limits } from '@db-forge/contract'

export interface DatabaseRow {
  readonly id: DatabaseId
  readonly name: string
  readonly engine: EngineName
  readonly engineVersion: string | null
  /** What was last seen. The reconciler closes the gap to `desired`. */
  readonly state: DatabaseState
  readonly desired: Database['desired']
  readonly reason: string | null
  readonly limits: Limits
  /** Rises whenever a new worker is wanted in place of the one there is. */
  readonly generation: number
  /** Set on a tombstone: its data can be had back until `purgeAt`. */
  readonly deletedAt: string | null
  readonly purgeAt: string | null
  /** Which request made it, where that said so: a hash of its idempotency key. */
  readonly origin: string | null
  readonly createdAt: string
  readonly updatedAt: string
  /** Rises by one with each write; a stale writer is refused. */
  readonly revision: number
}

/** A database as it is made: the rest is filled in by the store. */
export type DatabaseDraft = Pick<
  DatabaseRow,
  'id' | 'name' | 'engine' | 'engineVersion' | 'state' | 'desired' | 'limits' | 'origin'
>

/** With `deletedAt` the row becomes a tombstone and its name is free; with `name` it takes one. */
export type DatabasePatchRow = Partial<
  Pick<
    DatabaseRow,
    | 'name'
    | 'engineVersion'
    | 'state'
    | 'desired'
    | 'reason'
    | 'limits'
    | 'generation'
    | 'deletedAt'
    | 'purgeAt'
  >
>

export interface DatabaseQuery {
  readonly state?: DatabaseState | undefined
  readonly engine?: EngineName | undefined
  /** Part of a name, without regard to case. */
  readonly search?: string | undefined
  readonly limit: number
  /** Only what comes after this `listKey`. */
  readonly after?: string | undefined
}

/** Bytewise in every dialect, since pages are cut by it. */
export const keyOf = (name: string): string => name.toLowerCase()

/** Begins with what no name begins with, so the name is free again; in the order of deletion. */
export const tombstoneKey = (deletedAt: string, id: string): string => `~${deletedAt}~${id}`

/** What a list goes on after. */
export const listKey = ({ id, name, deletedAt }: DatabaseRow): string =>
  deletedAt === null ? keyOf(name) : tombstoneKey(deletedAt, id)

export class NameTakenError extends Error {}

export interface DatabaseRepo {
  /** @throws NameTakenError when the name, without regard to case, is taken. */
  insert(row: DatabaseDraft): Promise<DatabaseRow>
  /**
   * Inserts a row in place of the ready slot of the same id; null when there is no such slot any more.
   * @throws NameTakenError, and the slot stays.
   */
  claim(row: DatabaseDraft): Promise<DatabaseRow | null>
  find(id: DatabaseId): Promise<DatabaseRow | null>
  findByName(name: string): Promise<DatabaseRow | null>
  /** By name, without tombstones; of state `deleted`, tombstones alone, the oldest first. */
  list(query: DatabaseQuery): Promise<DatabaseRow[]>
  /** All of them, also tombstones. */
  all(): Promise<DatabaseRow[]>
  /**
   * Null when `revision` is stale.
   * @throws NameTakenError for a `name` that is taken.
   */
  update(id: DatabaseId, revision: number, patch: DatabasePatchRow): Promise<DatabaseRow | null>
  delete(id: DatabaseId): Promise<void>
}

export interface SessionRepo {
  insert(hash: string, expiresAt: Date): Promise<void>
  /** When it expires; null for one that is unknown or over. */
  find(hash: string, now: Date): Promise<Date | null>
  delete(hash: string): Promise<void>
  deleteExpired(now: Date): Promise<void>
}

/** Small facts about this installation, such as the hash of its admin token. */
export interface SettingRepo {
  get(key: string): Promise<string | null>
  set(key: string, value: string): Promise<void>
  /** Sets what is not set yet; the value that holds. */
  setIfAbsent(key: string, value: string): Promise<string>
}

/** A started worker with a folder of its own that no database has claimed yet. */
export interface Slot {
  readonly id: DatabaseId
  readonly engine: EngineName
  readonly state: 'making' | 'ready' | 'retiring'
}

export interface SlotRepo {
  /** In state `making`. */
  insert(id: DatabaseId, engine: EngineName): Promise<Slot>
  /** The oldest first. */
  all(): Promise<Slot[]>
  /** False when the slot is not in state `from`, or gone. */
  move(id: DatabaseId, from: Slot['state'], to: Slot['state']): Promise<boolean>
  delete(id: DatabaseId): Promise<void>
}

/**
 * `fence` rises with each change of the owner, `beat` with each renewal. Times are the business of whoever waits: by
 * its own clock it sees for how long the two have not changed, so clocks need not agree.
 */
export interface Lease {
  readonly name: string
  /** Null when it was let go. */
  readonly owner: string | null
  readonly fence: number
  readonly beat: number
}

export interface LeaseRepo {
  find(name: string): Promise<Lease | null>
  /** Takes a lease over as it was seen, or one that there has not been; null when somebody was faster. */
  take(name: string, owner: string, before: Lease | null): Promise<Lease | null>
  /** Null when it is another's by now. */
  renew(lease: Lease): Promise<Lease | null>
  release(lease: Lease): Promise<void>
}

export interface JobRow {
  readonly id: string
  readonly kind: string
  /** Id of the database that it is about, and the name that had at the time. */
  readonly subject: string
  readonly subjectName: string
  readonly state: 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled'
  readonly phase: string | null
  readonly done: number | null
  readonly total: number | null
  readonly unit: string | null
  /** JSON values. */
  readonly input: unknown
  readonly result: unknown
  readonly error: { readonly code: string; readonly detail?: string | undefined } | null
  readonly cancelRequested: boolean
  /** The gateway that runs it; null in the queue. */
  readonly owner: string | null
  readonly createdAt: string
  readonly startedAt: string | null
  readonly finishedAt: string | null
  readonly revision: number
}

export type JobPatchRow = Partial<
  Omit<JobRow, 'id' | 'kind' | 'subject' | 'subjectName' | 'input' | 'createdAt' | 'revision'>
>

export interface JobRepo {
  /** In state `queued`. */
  insert(job: Pick<JobRow, 'id' | 'kind' | 'subject' | 'subjectName' | 'input'>): Promise<JobRow>
  find(id: string): Promise<JobRow | null>
  /** The newest first. */
  list(query: {
    /** Id of a database or, without regard to case, the name that had. */
    readonly subject?: string | undefined
    readonly states?: readonly JobRow['state'][] | undefined
    readonly limit: number
    /** Only older ones. */
    readonly before?: { readonly createdAt: string; readonly id: string } | undefined
  }): Promise<JobRow[]>
  /** Null when `revision` is stale. */
  update(id: string, revision: number, patch: JobPatchRow): Promise<JobRow | null>
  deleteFinishedBefore(at: Date): Promise<void>
}

/** Answers to requests that named themselves. What is kept can be read only with the key itself. */
export interface IdempotencyRepo {
  /** False when the key is there already. */
  begin(request: {
    readonly keyHash: string
    /** Of method, path and body. */
    readonly fingerprint: string
    /** The gateway at work on it. */
    readonly owner: string
    readonly expiresAt: Date
  }): Promise<boolean>
  find(keyHash: string): Promise<{
    readonly fingerprint: string
    readonly owner: string | null
    readonly answer: { readonly status: number; readonly sealed: string } | null
  } | null>
  /** False when it has another owner, or an answer. */
  takeOver(keyHash: string, from: string | null, to: string): Promise<boolean>
  finish(
    keyHash: string,
    answer: { readonly status: number; readonly sealed: string },
  ): Promise<void>
  /** For a request that came to nothing and may be tried again. */
  forget(keyHash: string): Promise<void>
  deleteExpired(now: Date): Promise<void>
}

export interface MetadataStore {
  readonly databases: DatabaseRepo
  readonly slots: SlotRepo
  readonly leases: LeaseRepo
  readonly jobs: JobRepo
  readonly idempotencyKeys: IdempotencyRepo
  readonly sessions: SessionRepo
  readonly settings: SettingRepo
  /** Brings the schema up to date; the names of what was applied. */
  migrate(): Promise<readonly string[]>
  ping(): Promise<void>
  close(): Promise<void>
}
