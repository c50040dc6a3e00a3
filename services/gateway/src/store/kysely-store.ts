import { type Dialect, Kysely, Migrator, sql } from 'kysely'
import type {
  DatabaseRepo,
  IdempotencyRepo,
  JobRepo,
  LeaseRepo,
  MetadataStore,
  SessionRepo,
  SettingRepo,
  SlotRepo,
} from './metadata-store.ts'
import { databases } from './migrations/001-databases.ts'
import { lifecycle } from './migrations/002-lifecycle.ts'
import { databaseRepo } from './repos/databases.ts'
import { idempotencyRepo } from './repos/idempotency-keys.ts'
import { jobRepo } from './repos/jobs.ts'
import { leaseRepo } from './repos/leases.ts'
import { sessionRepo } from './repos/sessions.ts'
import { settingRepo } from './repos/settings.ts'
import { slotRepo } from './repos/slots.ts'
import type { Schema } from './schema.ts'

const migrations = { '001-databases': databases, '002-lifecycle': lifecycle }

/** The same code for every dialect of Kysely; which one is chosen by whoever composes the gateway. */
export class KyselyStore implements MetadataStore {
  readonly databases: DatabaseRepo
  readonly slots: SlotRepo
  readonly leases: LeaseRepo
  readonly jobs: JobRepo
  readonly idempotencyKeys: IdempotencyRepo
  readonly sessions: SessionRepo
  readonly settings: SettingRepo
  readonly #db: Kysely<Schema>

  constructor(dialect: Dialect, now: () => Date = () => new Date()) {
    this.#db = new Kysely<Schema>({ dialect })
    this.databases = databaseRepo(this.#db, now)
    this.slots = slotRepo(this.#db, now)
    this.leases = leaseRepo(this.#db)
    this.jobs = jobRepo(this.#db, now)
    this.idempotencyKeys = idempotencyRepo(this.#db)
    this.sessions = sessionRepo(this.#db)
    this.settings = settingRepo(this.#db)
  }

  async migrate(): Promise<readonly string[]> {
    const migrator = new Migrator({
      db: this.#db,
      provider: { getMigrations: async () => migrations },
    })
    const { error, results } = await migrator.migrateToLatest()
    if (error) throw error
    return (results ?? [])
      .filter((result) => result.status === 'Success')
      .map((result) => result.migrationName)
  }

  async ping(): Promise<void> {
    await sql`select 1`.execute(this.#db)
  }

  close(): Promise<void> {
    return this.#db.destroy()
  }
}
