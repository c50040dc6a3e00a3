import type { Kysely, Migration } from 'kysely'
import { bytewise } from '../bytewise.ts'

/** Only types that SQLite and PostgreSQL share: text, integer, real, and times as ISO text. */
export const databases: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    const byBytes = bytewise(db)
    await db.schema
      .createTable('databases')
      .addColumn('id', 'text', (column) => column.primaryKey())
      .addColumn('name', 'text', (column) => byBytes(column).notNull())
      .addColumn('name_key', 'text', (column) => byBytes(column).notNull().unique())
      .addColumn('engine', 'text', (column) => column.notNull())
      .addColumn('engine_version', 'text')
      .addColumn('state', 'text', (column) => column.notNull())
      .addColumn('desired', 'text', (column) => column.notNull())
      .addColumn('reason', 'text')
      .addColumn('limits', 'text', (column) => column.notNull())
      .addColumn('created_at', 'text', (column) => column.notNull())
      .addColumn('updated_at', 'text', (column) => column.notNull())
      .addColumn('revision', 'integer', (column) => column.notNull())
      .execute()
    await db.schema
      .createTable('sessions')
      .addColumn('hash', 'text', (column) => column.primaryKey())
      .addColumn('expires_at', 'text', (column) => column.notNull())
      .execute()
    await db.schema
      .createTable('settings')
      .addColumn('key', 'text', (column) => column.primaryKey())
      .addColumn('value', 'text', (column) => column.notNull())
      .execute()
  },
}
