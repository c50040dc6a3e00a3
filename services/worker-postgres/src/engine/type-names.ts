import type { ColumnType } from '@db-forge/contract'

/** How the cells of a built-in type are written; the cells of all others are text. */
const ENCODINGS: Readonly<Record<number, ColumnType>> = {
  16: 'boolean',
  17: 'blob',
  20: 'integer',
  21: 'integer',
  23: 'integer',
  26: 'integer',
  114: 'json',
  700: 'real',
  701: 'real',
  1700: 'numeric',
  3802: 'json',
}

export const columnType = (typeOid: number): ColumnType => ENCODINGS[typeOid] ?? 'text'

/** Names of types as SQL writes them, as far as they are always the same. */
const NAMES: Readonly<Record<number, string>> = {
  16: 'boolean',
  17: 'bytea',
  18: '"char"',
  19: 'name',
  20: 'bigint',
  21: 'smallint',
  23: 'integer',
  25: 'text',
  26: 'oid',
  114: 'json',
  700: 'real',
  701: 'double precision',
  1005: 'smallint[]',
  1007: 'integer[]',
  1009: 'text[]',
  1016: 'bigint[]',
  1042: 'character',
  1043: 'character varying',
  1082: 'date',
  1083: 'time without time zone',
  1114: 'timestamp without time zone',
  1184: 'timestamp with time zone',
  1186: 'interval',
  1700: 'numeric',
  2205: 'regclass',
  2249: 'record',
  2278: 'void',
  2950: 'uuid',
  3802: 'jsonb',
}

const KNOWN_MAX = 10_000

type Ask = (sql: string) => Promise<(string | null)[][]>

/** What types are called, as the catalog says; asked once for each. */
export class TypeNames {
  readonly #ask: Ask
  readonly #known = new Map<string, string>()
  /** JSON lists of columns that have been written with these names. */
  texts = new WeakMap<object, string>()

  constructor(ask: Ask) {
    this.#ask = ask
  }

  /** Undefined where it has to be asked for. */
  known(typeOid: number, modifier: number): string | undefined {
    return (
      (modifier === -1 ? NAMES[typeOid] : undefined) ?? this.#known.get(`${typeOid},${modifier}`)
    )
  }

  async learn(types: readonly (readonly [oid: number, modifier: number])[]): Promise<void> {
    if (this.#known.size > KNOWN_MAX) this.forget()
    const list = types.map(([oid, modifier]) => `(${oid}::oid,${modifier})`).join(',')
    const rows = await this.#ask(
      `select t.oid, t.modifier, pg_catalog.format_type(t.oid, t.modifier) from (values ${list}) t(oid, modifier)`,
    )
    for (const [oid, modifier, name] of rows)
      this.#known.set(`${oid},${modifier}`, (name ?? '???').replace(/^public\./, ''))
  }

  /** To be called when types may have been renamed. */
  forget(): void {
    this.#known.clear()
    this.texts = new WeakMap()
  }
}
