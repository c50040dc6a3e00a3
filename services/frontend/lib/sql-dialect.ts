import { SQLDialect, SQLite } from '@codemirror/lang-sql'

/** SQLite as it is: names without regard to case, also quoted in brackets. */
export const sqliteDialect = SQLDialect.define({
  ...SQLite.spec,
  caseInsensitiveIdentifiers: true,
  identifierQuotes: '`"[',
})
