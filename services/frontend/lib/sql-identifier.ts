/** A name as SQL needs it: in quotes unless it is a plain word. */
export function sqlIdentifier(name: string): string {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !KEYWORDS.has(name.toLowerCase())
    ? name
    : `"${name.replaceAll('"', '""')}"`
}

/** Words that SQLite refuses as a bare name. */
const KEYWORDS = new Set(
  'add all alter and as autoincrement between case check collate commit constraint create default deferrable delete distinct drop else escape except exists foreign from group having if in index insert intersect into is isnull join limit not notnull null on or order primary references returning select set table then to transaction union unique update using values when where with'.split(
    ' ',
  ),
)
