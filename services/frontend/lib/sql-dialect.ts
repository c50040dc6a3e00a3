import { PostgreSQL, SQLDialect, SQLite } from '@codemirror/lang-sql'
import type { EngineName } from '@db-forge/contract'

/** SQLite as it is: names without regard to case, also quoted in brackets. */
const sqlite = SQLDialect.define({
  ...SQLite.spec,
  caseInsensitiveIdentifiers: true,
  identifierQuotes: '`"[',
})

export const dialects: Readonly<Record<EngineName, SQLDialect>> = { sqlite, postgres: PostgreSQL }
