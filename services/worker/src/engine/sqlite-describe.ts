import type {
  ColumnInfo,
  ForeignKeyInfo,
  IndexInfo,
  SchemaInfo,
  TableInfo,
} from '@db-forge/contract'
import type { DescribeRequest } from '@db-forge/contract/wire'
import { WorkerFailure } from '@db-forge/worker-kit'
import Database from 'better-sqlite3'

interface TableRow {
  readonly name: string
  readonly type: TableInfo['kind']
  /** WITHOUT ROWID */
  readonly wr: number
  readonly sql: string | null
}
interface ColumnRow {
  readonly name: string
  readonly type: string
  readonly notnull: number
  readonly dflt_value: string | null
  readonly pk: number
  /** 0 ordinary, 1 hidden in a virtual table, 2 and 3 generated */
  readonly hidden: number
}
interface IndexRow {
  readonly name: string
  readonly unique: number
  readonly origin: 'c' | 'u' | 'pk'
  readonly partial: number
}
interface ForeignKeyRow {
  readonly id: number
  readonly table: string
  readonly from: string
  readonly to: string | null
  readonly on_update: string
  readonly on_delete: string
}

const TABLES = `
  select l.name, l.type, l.wr, s.sql
  from pragma_table_list as l left join sqlite_schema as s on s.name = l.name and s.type in ('table', 'view')
  where l.schema = 'main' and l.type <> 'shadow' and l.name not like 'sqlite\\_%' escape '\\'`
const COLUMNS = `select * from pragma_table_xinfo(?, 'main') where hidden <> 1`
const INDEXES = `select * from pragma_index_list(?, 'main') order by seq desc`
const INDEX_COLUMNS = `select name from pragma_index_info(?, 'main') order by seqno`
const FOREIGN_KEYS = `select * from pragma_foreign_key_list(?, 'main') order by id desc, seq`
const ORIGINS = { c: 'index', u: 'unique', pk: 'primaryKey' } as const

/** @throws WorkerFailure if a table is asked for and not there. */
export function describeSchema(
  db: Database.Database,
  { table, counts }: DescribeRequest,
  timeoutMs: number,
): SchemaInfo {
  const rows =
    table === undefined
      ? all<TableRow>(db, `${TABLES} order by l.name`)
      : all<TableRow>(db, `${TABLES} and l.name = ? collate nocase`, table)
  if (table !== undefined && rows.length === 0)
    throw new WorkerFailure(
      'table.not_found',
      `there is no table or view named ${table.slice(0, 255)}`,
    )
  // Counting may take long, and the rest of the schema is worth having without it.
  const countUntil = counts ? performance.now() + timeoutMs / 2 : 0
  return { tables: rows.map((row) => describeTable(db, row, countUntil)) }
}

function describeTable(db: Database.Database, row: TableRow, countUntil: number): TableInfo {
  const columns = columnRows(db, row)
  const keys = columns.filter(({ pk }) => pk > 0).sort((a, b) => a.pk - b.pk)
  const isRowid = (column: ColumnRow) =>
    column.pk > 0 && keys.length === 1 && row.wr === 0 && column.type.toLowerCase() === 'integer'
  return {
    name: row.name,
    kind: row.type,
    columns: columns.map((column) => columnInfo(column, isRowid(column))),
    primaryKey: keys.map(({ name }) => name),
    indexes: all<IndexRow>(db, INDEXES, row.name).map((index) => indexInfo(db, index)),
    foreignKeys: foreignKeys(db, row.name),
    rowCount: row.type !== 'view' && performance.now() < countUntil ? countRows(db, row) : null,
    sql: row.sql,
  }
}

/** A view over something that is gone has no columns to tell of. */
function columnRows(db: Database.Database, { name, type }: TableRow): ColumnRow[] {
  try {
    return all<ColumnRow>(db, COLUMNS, name)
  } catch (error) {
    if (type !== 'table' && error instanceof Database.SqliteError) return []
    throw error
  }
}

function columnInfo(column: ColumnRow, isRowid: boolean): ColumnInfo {
  return {
    name: column.name,
    type: column.type,
    nullable: column.notnull === 0 && !isRowid,
    default: column.dflt_value,
    primaryKey: column.pk > 0 ? column.pk : null,
    generated: column.hidden > 1,
  }
}

function indexInfo(db: Database.Database, index: IndexRow): IndexInfo {
  return {
    name: index.name,
    columns: all<{ name: string | null }>(db, INDEX_COLUMNS, index.name).map(({ name }) => name),
    unique: index.unique === 1,
    partial: index.partial === 1,
    origin: ORIGINS[index.origin],
  }
}

function foreignKeys(db: Database.Database, table: string): ForeignKeyInfo[] {
  const byId = new Map<number, ForeignKeyRow[]>()
  for (const row of all<ForeignKeyRow>(db, FOREIGN_KEYS, table))
    byId.set(row.id, [...(byId.get(row.id) ?? []), row])
  return [...byId.values()].map((rows) => {
    const [first] = rows as [ForeignKeyRow]
    return {
      columns: rows.map(({ from }) => from),
      table: first.table,
      references: rows.map(({ to }) => to),
      onUpdate: first.on_update,
      onDelete: first.on_delete,
    }
  })
}

function countRows(db: Database.Database, { name, type }: TableRow): number | null {
  try {
    const sql = `select count(*) from main.${quoted(name)}`
    return db.prepare(sql).safeIntegers(false).pluck().get() as number
  } catch (error) {
    if (type === 'virtual' && error instanceof Database.SqliteError) return null
    throw error
  }
}

const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`

function all<Row>(db: Database.Database, sql: string, ...params: readonly string[]): Row[] {
  return db
    .prepare(sql)
    .safeIntegers(false)
    .all(...params) as Row[]
}
