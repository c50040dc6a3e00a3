import { Limits } from '@db-forge/contract'
import { type Insertable, type Kysely, type Selectable, sql } from 'kysely'
import {
  type DatabaseDraft,
  type DatabasePatchRow,
  type DatabaseQuery,
  type DatabaseRepo,
  type DatabaseRow,
  keyOf,
  NameTakenError,
  tombstoneKey,
} from '../metadata-store.ts'
import type { DatabasesTable, Schema } from '../schema.ts'

export function databaseRepo(db: Kysely<Schema>, now: () => Date): DatabaseRepo {
  const first = (column: 'id' | 'name_key', value: string) =>
    db.selectFrom('databases').selectAll().where(column, '=', value).executeTakeFirst()
  const insert = (into: Kysely<Schema>, row: DatabaseDraft) =>
    into
      .insertInto('databases')
      .values(newRow(row, now().toISOString()))
      .returningAll()
      .executeTakeFirstOrThrow()
  return {
    async insert(row) {
      return rowOf(await unlessTaken(row.name, insert(db, row)))
    },
    async claim(row) {
      const claimed = db.transaction().execute(async (transaction) => {
        const slot = await transaction
          .deleteFrom('slots')
          .where('id', '=', row.id)
          .where('state', '=', 'ready')
          .returning('id')
          .executeTakeFirst()
        return slot ? insert(transaction, row) : null
      })
      const inserted = await unlessTaken(row.name, claimed)
      return inserted ? rowOf(inserted) : null
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
      const update = db
        .updateTable('databases')
        .set({ ...columnsOf(id, patch), updated_at: now().toISOString(), revision: revision + 1 })
        .where('id', '=', id)
        .where('revision', '=', revision)
        .returningAll()
        .executeTakeFirst()
      const updated = await unlessTaken(patch.name ?? id, update)
      return updated ? rowOf(updated) : null
    },
    async delete(id) {
      await db.deleteFrom('databases').where('id', '=', id).execute()
    },
  }
}

function listQuery(db: Kysely<Schema>, query: DatabaseQuery) {
  let select = db.selectFrom('databases').selectAll()
  select =
    query.state === 'deleted'
      ? select.where('deleted_at', 'is not', null)
      : select.where('deleted_at', 'is', null)
  if (query.state) select = select.where('state', '=', query.state)
  if (query.engine) select = select.where('engine', '=', query.engine)
  if (query.after !== undefined) select = select.where('name_key', '>', query.after)
  if (query.search) {
    const pattern = `%${keyOf(query.search).replace(/[\\%_]/g, '\\$&')}%`
    select = select.where(sql<boolean>`lower(name) like ${pattern} escape '\\'`)
  }
  return select.orderBy('name_key').limit(query.limit)
}

function newRow(row: DatabaseDraft, at: string): Insertable<DatabasesTable> {
  return {
    id: row.id,
    name: row.name,
    name_key: keyOf(row.name),
    engine: row.engine,
    engine_version: row.engineVersion,
    state: row.state,
    desired: row.desired,
    reason: null,
    limits: JSON.stringify(row.limits),
    generation: 1,
    deleted_at: null,
    purge_at: null,
    origin: row.origin,
    created_at: at,
    updated_at: at,
    revision: 1,
  }
}

function columnsOf(id: string, patch: DatabasePatchRow): Partial<DatabasesTable> {
  const { name, engineVersion, state, desired, reason, limits, generation, deletedAt } = patch
  return {
    ...(engineVersion === undefined ? {} : { engine_version: engineVersion }),
    ...(state === undefined ? {} : { state }),
    ...(desired === undefined ? {} : { desired }),
    ...(reason === undefined ? {} : { reason }),
    ...(limits === undefined ? {} : { limits: JSON.stringify(limits) }),
    ...(generation === undefined ? {} : { generation }),
    ...(patch.purgeAt === undefined ? {} : { purge_at: patch.purgeAt }),
    ...(name === undefined ? {} : { name, name_key: keyOf(name) }),
    ...(deletedAt ? { name_key: tombstoneKey(deletedAt, id) } : {}),
    ...(deletedAt === undefined ? {} : { deleted_at: deletedAt }),
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
    generation: Number(row.generation),
    deletedAt: row.deleted_at,
    purgeAt: row.purge_at,
    origin: row.origin,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    revision: Number(row.revision),
  }
}

async function unlessTaken<T>(name: string, written: Promise<T>): Promise<T> {
  try {
    return await written
  } catch (error) {
    throw isUniqueViolation(error) ? new NameTakenError(name, { cause: error }) : error
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
