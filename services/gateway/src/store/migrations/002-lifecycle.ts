import type { Kysely, Migration } from 'kysely'
import { bytewise } from '../bytewise.ts'

/** Generations, tombstones and the warm pool; jobs; leases; answers kept for repeated requests. */
export const lifecycle: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    const byBytes = bytewise(db)
    await db.schema
      .alterTable('databases')
      .addColumn('generation', 'integer', (column) => column.notNull().defaultTo(1))
      .execute()
    await db.schema.alterTable('databases').addColumn('deleted_at', 'text').execute()
    await db.schema.alterTable('databases').addColumn('purge_at', 'text').execute()
    await db.schema.alterTable('databases').addColumn('origin', 'text').execute()
    await db.schema
      .createTable('slots')
      .addColumn('id', 'text', (column) => column.primaryKey())
      .addColumn('engine', 'text', (column) => column.notNull())
      .addColumn('state', 'text', (column) => column.notNull())
      .addColumn('created_at', 'text', (column) => byBytes(column).notNull())
      .execute()
    await db.schema
      .createTable('leases')
      .addColumn('name', 'text', (column) => column.primaryKey())
      .addColumn('owner', 'text')
      .addColumn('fence', 'integer', (column) => column.notNull())
      .addColumn('beat', 'integer', (column) => column.notNull())
      .execute()
    await db.schema
      .createTable('jobs')
      .addColumn('id', 'text', (column) => byBytes(column).primaryKey())
      .addColumn('kind', 'text', (column) => column.notNull())
      .addColumn('subject', 'text', (column) => column.notNull())
      .addColumn('subject_name', 'text', (column) => column.notNull())
      .addColumn('state', 'text', (column) => column.notNull())
      .addColumn('phase', 'text')
      .addColumn('done', 'double precision')
      .addColumn('total', 'double precision')
      .addColumn('unit', 'text')
      .addColumn('input', 'text', (column) => column.notNull())
      .addColumn('result', 'text')
      .addColumn('error', 'text')
      .addColumn('cancel_requested', 'integer', (column) => column.notNull())
      .addColumn('owner', 'text')
      .addColumn('created_at', 'text', (column) => byBytes(column).notNull())
      .addColumn('started_at', 'text')
      .addColumn('finished_at', 'text')
      .addColumn('revision', 'integer', (column) => column.notNull())
      .execute()
    await db.schema
      .createIndex('jobs_created_at')
      .on('jobs')
      .columns(['created_at', 'id'])
      .execute()
    await db.schema
      .createTable('idempotency_keys')
      .addColumn('key_hash', 'text', (column) => column.primaryKey())
      .addColumn('fingerprint', 'text', (column) => column.notNull())
      .addColumn('owner', 'text')
      .addColumn('status', 'integer')
      .addColumn('answer', 'text')
      .addColumn('expires_at', 'text', (column) => column.notNull())
      .execute()
  },
}
