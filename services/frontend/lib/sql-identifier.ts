import type { EngineName } from '@db-forge/contract'
import { splitTableName } from '@db-forge/contract/wire/table-name'

/** A name as SQL needs it: in quotes unless it is a plain word, which PostgreSQL takes in lower case alone. */
export function sqlIdentifier(name: string, engine: EngineName): string {
  return PLAIN[engine].test(name) && !KEYWORDS.has(name.toLowerCase())
    ? name
    : quotedIdentifier(name)
}

export const quotedIdentifier = (name: string) => `"${name.replaceAll('"', '""')}"`

/** The name of a table as SQL needs it, with its schema where it has to be said. */
export function sqlTable(name: string, engine: EngineName): string {
  if (engine === 'sqlite') return sqlIdentifier(name, engine)
  const { schema, table } = splitTableName(name)
  const own = sqlIdentifier(table, engine)
  return schema === 'public' ? own : `${sqlIdentifier(schema, engine)}.${own}`
}

const PLAIN: Readonly<Record<EngineName, RegExp>> = {
  sqlite: /^[A-Za-z_][A-Za-z0-9_]*$/,
  postgres: /^[a-z_][a-z0-9_]*$/,
}

/** Words that one of the engines refuses as a bare name. */
const KEYWORDS = new Set(
  'add all alter analyse analyze and any array as asc asymmetric authorization autoincrement between binary both case cast check collate column commit concurrently constraint create cross current_catalog current_date current_role current_schema current_time current_timestamp current_user default deferrable delete desc distinct do drop else end escape except exists false fetch for foreign freeze from full grant group having if ilike in index initially inner insert intersect into is isnull join lateral leading left like limit localtime localtimestamp natural not notnull null offset on only or order outer overlaps placing primary references returning right select session_user set similar some symmetric system_user table tablesample then to trailing transaction true union unique update user using values variadic verbose when where window with'.split(
    ' ',
  ),
)
