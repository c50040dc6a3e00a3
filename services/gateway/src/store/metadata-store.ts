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
  readonly createdAt: string
  readonly updatedAt: string
  /** Rises by one with each write; a stale writer is refused. */
  readonly revision: number
}

export type DatabasePatchRow = Partial<
  Pick<DatabaseRow, 'engineVersion' | 'state' | 'desired' | 'reason' | 'limits'>
>

export interface DatabaseQuery {
  readonly state?: DatabaseState | undefined
  readonly engine?: EngineName | undefined
  /** Part of a name, without regard to case. */
  readonly search?: string | undefined
  readonly limit: number
  /** Only names after this one. */
  readonly after?: string | undefined
}

export class NameTakenError extends Error {}

export interface DatabaseRepo {
  /** @throws NameTakenError when the name, without regard to case, is taken. */
  insert(row: Omit<DatabaseRow, 'revision' | 'createdAt' | 'updatedAt'>): Promise<DatabaseRow>
  find(id: DatabaseId): Promise<DatabaseRow | null>
  findByName(name: string): Promise<DatabaseRow | null>
  /** By name; those being deleted are left out. */
  list(query: DatabaseQuery): Promise<DatabaseRow[]>
  /** All of them, also those being deleted. */
  all(): Promise<DatabaseRow[]>
  /** Null when `revision` is stale. */
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
}

export interface MetadataStore {
  readonly databases: DatabaseRepo
  readonly sessions: SessionRepo
  readonly settings: SettingRepo
  /** Brings the schema up to date; the names of what was applied. */
  migrate(): Promise<readonly string[]>
  ping(): Promise<void>
  close(): Promise<void>
}
