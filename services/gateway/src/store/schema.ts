/** The tables, as all dialects have them: text, integers, reals; times as ISO text, lists and objects as JSON text. */
export interface DatabasesTable {
  id: string
  name: string
  /** The name without its case; of a tombstone, what no name can be. */
  name_key: string
  engine: string
  engine_version: string | null
  state: string
  desired: string
  reason: string | null
  limits: string
  generation: number
  deleted_at: string | null
  purge_at: string | null
  origin: string | null
  created_at: string
  updated_at: string
  revision: number
}

export interface SlotsTable {
  id: string
  engine: string
  state: string
  created_at: string
}

export interface LeasesTable {
  name: string
  owner: string | null
  fence: number
  beat: number
}

export interface JobsTable {
  id: string
  kind: string
  subject: string
  subject_name: string
  state: string
  phase: string | null
  done: number | null
  total: number | null
  unit: string | null
  input: string
  result: string | null
  error: string | null
  cancel_requested: number
  owner: string | null
  created_at: string
  started_at: string | null
  finished_at: string | null
  revision: number
}

interface IdempotencyKeysTable {
  key_hash: string
  fingerprint: string
  owner: string | null
  status: number | null
  answer: string | null
  expires_at: string
}

export interface Schema {
  databases: DatabasesTable
  slots: SlotsTable
  leases: LeasesTable
  jobs: JobsTable
  idempotency_keys: IdempotencyKeysTable
  sessions: { hash: string; expires_at: string }
  settings: { key: string; value: string }
}
