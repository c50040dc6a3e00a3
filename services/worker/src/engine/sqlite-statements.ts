import type Database from 'better-sqlite3'
import { type ResultColumn, RowEncoder } from './sqlite-columns.ts'
import { guard, isInsert, type StatementKind } from './sqlite-guard.ts'
import { type ParameterSlots, parameterSlots } from './sqlite-parameters.ts'

/** A prepared statement with all that can be known before it runs. */
export interface Prepared {
  readonly statement: Database.Statement<unknown[], unknown>
  readonly kind: StatementKind
  readonly slots: ParameterSlots
  /** Null if the statement yields no rows. */
  readonly rows: RowEncoder | null
  /** Leaves the database as it is. */
  readonly readOnly: boolean
  readonly changesRows: boolean
  readonly changesSchema: boolean
  /** Whether SQLite's last rowid is that of what this statement inserts. */
  readonly givesRowid: boolean
}

// SQLite calls ANALYZE and REINDEX read-only where there is nothing for them to do.
const READING_VERBS = new Set('select values pragma'.split(' '))
const ROW_VERBS = new Set('insert replace update delete'.split(' '))
const SCHEMA_VERBS = new Set('create drop alter'.split(' '))

function prepare(
  db: Database.Database,
  sql: string,
  hasRowid: (table: string | null) => boolean,
): Prepared {
  const kind = guard(sql)
  const statement = db.prepare(sql)
  const runs = !kind.explain
  return {
    statement,
    kind,
    slots: parameterSlots(sql),
    rows: statement.reader ? rowEncoder(statement) : null,
    readOnly: kind.explain || (statement.readonly && READING_VERBS.has(kind.verb) && !kind.sets),
    changesRows: runs && ROW_VERBS.has(kind.verb),
    changesSchema: runs && SCHEMA_VERBS.has(kind.verb),
    givesRowid: runs && isInsert(kind.verb) && hasRowid(kind.insertInto),
  }
}

function rowEncoder(statement: Database.Statement<unknown[], unknown>): RowEncoder {
  statement.raw(true)
  const columns = statement
    .columns()
    .map(({ name, type }): ResultColumn => ({ name, declared: type }))
  return new RowEncoder(columns)
}

const STATEMENTS_MAX = 200
/** Longer texts are rarely sent twice, and the texts are kept too. */
const CACHED_CHARACTERS_MAX = 4096

/**
 * Prepared statements by their text, the least recently used forgotten first. A text is kept from its second
 * time on: one that never comes again must not push out others, and its statement, which only the garbage
 * collector can finalize, is gone sooner the younger it is.
 */
export class StatementCache {
  readonly #db: Database.Database
  readonly #prepared = new Map<string, Prepared>()
  readonly #seenOnce = new Set<string>()
  readonly #rowidTables = new Map<string | null, boolean>()
  readonly #tableKinds: Database.Statement<[string | null], { type: string; wr: bigint }>

  constructor(db: Database.Database) {
    this.#db = db
    this.#tableKinds = db.prepare('select type, wr from pragma_table_list where lower(name) = ?')
  }

  /** @throws WorkerFailure if the guard refuses, SqliteError or RangeError if SQLite does. */
  get(sql: string): Prepared {
    const known = this.#prepared.get(sql)
    if (known) {
      this.#prepared.delete(sql)
      this.#prepared.set(sql, known)
      return known
    }
    const prepared = prepare(this.#db, sql, (table) => this.#hasRowid(table))
    if (sql.length <= CACHED_CHARACTERS_MAX && !prepared.changesSchema)
      this.#remember(sql, prepared)
    return prepared
  }

  /** To be called when the schema may have changed: what was known of columns no longer holds. */
  clear(): void {
    this.#prepared.clear()
    this.#rowidTables.clear()
  }

  /** Not so in a table WITHOUT ROWID, nor in a view, whose triggers insert elsewhere. */
  #hasRowid(table: string | null): boolean {
    const known = this.#rowidTables.get(table)
    if (known !== undefined) return known
    const kinds = this.#tableKinds.all(table)
    const has = kinds.every(({ type, wr }) => type !== 'view' && wr === 0n)
    this.#rowidTables.set(table, has)
    return has
  }

  #remember(sql: string, prepared: Prepared): void {
    if (this.#seenOnce.delete(sql)) this.#prepared.set(sql, prepared)
    else this.#seenOnce.add(sql)
    forgetOldest(this.#prepared)
    forgetOldest(this.#seenOnce)
  }
}

function forgetOldest(texts: Map<string, unknown> | Set<string>): void {
  if (texts.size <= STATEMENTS_MAX) return
  const [oldest] = texts.keys()
  if (oldest !== undefined) texts.delete(oldest)
}
