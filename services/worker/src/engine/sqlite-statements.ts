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

const ROW_VERBS = new Set('insert replace update delete'.split(' '))
const SCHEMA_VERBS = new Set('create drop alter'.split(' '))

/** @throws WorkerFailure if the guard refuses, SqliteError or RangeError if SQLite does. */
export function prepare(db: Database.Database, sql: string): Prepared {
  const kind = guard(sql)
  const statement = db.prepare(sql)
  const runs = !kind.explain
  return {
    statement,
    kind,
    slots: parameterSlots(sql),
    rows: statement.reader ? rowEncoder(statement) : null,
    readOnly: (statement.readonly || kind.explain) && !kind.sets,
    changesRows: runs && ROW_VERBS.has(kind.verb),
    changesSchema: runs && SCHEMA_VERBS.has(kind.verb),
    givesRowid: runs && isInsert(kind.verb) && hasRowid(db, kind.insertInto),
  }
}

function rowEncoder(statement: Database.Statement<unknown[], unknown>): RowEncoder {
  statement.raw(true)
  const columns = statement
    .columns()
    .map(({ name, type }): ResultColumn => ({ name, declared: type }))
  return new RowEncoder(columns)
}

/** Not so in a table WITHOUT ROWID, nor in a view, whose triggers insert elsewhere. */
function hasRowid(db: Database.Database, table: string | null): boolean {
  const rows = db.prepare('select type, wr from pragma_table_list where lower(name) = ?').all(table)
  return (rows as { type: string; wr: bigint }[]).every(
    ({ type, wr }) => type !== 'view' && wr === 0n,
  )
}

const STATEMENTS_MAX = 200
/** Longer texts are rarely sent twice, and the texts are kept too. */
const CACHED_CHARACTERS_MAX = 4096

/** Prepared statements by their text, the least recently used forgotten first. */
export class StatementCache {
  readonly #db: Database.Database
  readonly #byText = new Map<string, Prepared>()

  constructor(db: Database.Database) {
    this.#db = db
  }

  get(sql: string): Prepared {
    const known = this.#byText.get(sql)
    if (known) {
      this.#byText.delete(sql)
      this.#byText.set(sql, known)
      return known
    }
    const prepared = prepare(this.#db, sql)
    if (sql.length <= CACHED_CHARACTERS_MAX && !prepared.changesSchema) this.#keep(sql, prepared)
    return prepared
  }

  /** To be called when the schema may have changed: what was known of columns no longer holds. */
  clear(): void {
    this.#byText.clear()
  }

  #keep(sql: string, prepared: Prepared): void {
    this.#byText.set(sql, prepared)
    if (this.#byText.size <= STATEMENTS_MAX) return
    const [oldest] = this.#byText.keys()
    if (oldest !== undefined) this.#byText.delete(oldest)
  }
}
