import { Limits } from '@db-forge/contract'
import { type Dialect, Kysely, Migrator, type Selectable, sql } from 'kysely'
import type {
  DatabasePatchRow,
  DatabaseQuery,
  DatabaseRepo,
  DatabaseRow,
  MetadataStore,
  SessionRepo,
  SettingRepo,
} from './metadata-store.ts'
import { NameTakenError } from './metadata-store.ts'
import { databases } from './migrations/001-databases.ts'

interface DatabasesTable {
  id: string
  name: string
  name_key: string
  engine: string
  engine_version: string | null
  state: string
  desired: string
  reason: string | null
  limits: string
  created_at: string
  updated_at: string
  revision: number
}
interface Schema {
  databases: DatabasesTable
  sessions: { hash: string; expires_at: string }
  settings: { key: string; value: string }
}

/** The same code for every dialect of Kysely; which one is chosen by whoever composes the gateway. */
export class KyselyStore implements MetadataStore {
  readonly databases: DatabaseRepo
  readonly sessions: SessionRepo
  readonly settings: SettingRepo
  readonly #db: Kysely<Schema>

  constructor(dialect: Dialect, now: () => Date = () => new Date()) {
    this.#db = new Kysely<Schema>({ dialect })
    this.databases = databaseRepo(this.#db, now)
    this.sessions = sessionRepo(this.#db)
    this.settings = settingRepo(this.#db)
  }

  async migrate(): Promise<readonly string[]> {
    const migrator = new Migrator({
      db: this.#db,
      provider: { getMigrations: async () => ({ '001-databases': databases }) },
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

function databaseRepo(db: Kysely<Schema>, now: () => Date): DatabaseRepo {
  const first = (column: 'id' | 'name_key', value: string) =>
    db.selectFrom('databases').selectAll().where(column, '=', value).executeTakeFirst()
  return {
    async insert(row) {
      const at = now().toISOString()
      const values = {
        ...columnsOf(row),
        id: row.id,
        name: row.name,
        name_key: keyOf(row.name),
        engine: row.engine,
      }
      try {
        const inserted = await db
          .insertInto('databases')
          .values({ ...values, created_at: at, updated_at: at, revision: 1 } as DatabasesTable)
          .returningAll()
          .executeTakeFirstOrThrow()
        return rowOf(inserted)
      } catch (error) {
        throw isUniqueViolation(error) ? new NameTakenError(row.name, { cause: error }) : error
      }
    },
    async find(id) {
      const found = await first('id', id)
      return found ? rowOf(found) : null
    },
    async findByName(name) {
      const found = await first('name_key', keyOf(name))
      return found ? rowOf(found) : null
    },
    async list(query) {
      return (await listQuery(db, query).execute()).map(rowOf)
    },
    async all() {
      return (await db.selectFrom('databases').selectAll().execute()).map(rowOf)
    },
    async update(id, revision, patch) {
      const updated = await db
        .updateTable('databases')
        .set({ ...columnsOf(patch), updated_at: now().toISOString(), revision: revision + 1 })
        .where('id', '=', id)
        .where('revision', '=', revision)
        .returningAll()
        .executeTakeFirst()
      return updated ? rowOf(updated) : null
    },
    async delete(id) {
      await db.deleteFrom('databases').where('id', '=', id).execute()
    },
  }
}

function listQuery(db: Kysely<Schema>, query: DatabaseQuery) {
  let select = db.selectFrom('databases').selectAll().where('desired', '!=', 'deleted')
  if (query.state) select = select.where('state', '=', query.state)
  if (query.engine) select = select.where('engine', '=', query.engine)
  if (query.after !== undefined) select = select.where('name_key', '>', keyOf(query.after))
  if (query.search) {
    const pattern = `%${keyOf(query.search).replace(/[\\%_]/g, '\\$&')}%`
    select = select.where(sql<boolean>`name_key like ${pattern} escape '\\'`)
  }
  return select.orderBy('name_key').limit(query.limit)
}

function sessionRepo(db: Kysely<Schema>): SessionRepo {
  return {
    async insert(hash, expiresAt) {
      await db
        .insertInto('sessions')
        .values({ hash, expires_at: expiresAt.toISOString() })
        .execute()
    },
    async find(hash, now) {
      const found = await db
        .selectFrom('sessions')
        .select('expires_at')
        .where('hash', '=', hash)
        .executeTakeFirst()
      const expiresAt = found ? new Date(found.expires_at) : null
      return expiresAt && expiresAt > now ? expiresAt : null
    },
    async delete(hash) {
      await db.deleteFrom('sessions').where('hash', '=', hash).execute()
    },
    async deleteExpired(now) {
      await db.deleteFrom('sessions').where('expires_at', '<=', now.toISOString()).execute()
    },
  }
}

function settingRepo(db: Kysely<Schema>): SettingRepo {
  return {
    async get(key) {
      const found = await db
        .selectFrom('settings')
        .select('value')
        .where('key', '=', key)
        .executeTakeFirst()
      return found?.value ?? null
    },
    async set(key, value) {
      await db
        .insertInto('settings')
        .values({ key, value })
        .onConflict((conflict) => conflict.column('key').doUpdateSet({ value }))
        .execute()
    },
  }
}

const keyOf = (name: string) => name.toLowerCase()

function columnsOf(patch: DatabasePatchRow): Partial<DatabasesTable> {
  return {
    ...(patch.engineVersion === undefined ? {} : { engine_version: patch.engineVersion }),
    ...(patch.state === undefined ? {} : { state: patch.state }),
    ...(patch.desired === undefined ? {} : { desired: patch.desired }),
    ...(patch.reason === undefined ? {} : { reason: patch.reason }),
    ...(patch.limits === undefined ? {} : { limits: JSON.stringify(patch.limits) }),
  }
}

function rowOf(row: Selectable<DatabasesTable>): DatabaseRow {
  return {
    id: row.id,
    name: row.name,
    engine: row.engine as DatabaseRow['engine'],
    engineVersion: row.engine_version,
    state: row.state as DatabaseRow['state'],
    desired: row.desired as DatabaseRow['desired'],
    reason: row.reason,
    limits: Limits.parse(JSON.parse(row.limits)),
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    revision: Number(row.revision),
  }
}

/** SQLite's and PostgreSQL's words for the same thing. */
function isUniqueViolation(error: unknown): boolean {
  const code = (error as { code?: unknown }).code
  return (
    code === 'SQLITE_CONSTRAINT_UNIQUE' ||
    code === 'SQLITE_CONSTRAINT_PRIMARYKEY' ||
    code === '23505'
  )
}
