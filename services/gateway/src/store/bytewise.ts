import { type ColumnDefinitionBuilder, type Kysely, PostgresAdapter, sql } from 'kysely'

/**
 * What makes a column compare and sort by its bytes: pages are cut by it, and cases folded. SQLite does so unasked; in
 * PostgreSQL it would depend on how the server was set up.
 */
export function bytewise(
  db: Kysely<unknown>,
): (column: ColumnDefinitionBuilder) => ColumnDefinitionBuilder {
  const isPostgres = db.getExecutor().adapter instanceof PostgresAdapter
  return (column) => (isPostgres ? column.modifyFront(sql`collate "C"`) : column)
}
