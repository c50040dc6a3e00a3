/** Rows as CSV (RFC 4180), or with tabs for pasting into a spreadsheet. */
export function delimited(rows: Iterable<readonly string[]>, separator: ',' | '\t'): string {
  const quoted = new RegExp(`["\\r\\n${separator}]`)
  const field = (text: string) => (quoted.test(text) ? `"${text.replaceAll('"', '""')}"` : text)
  const lines: string[] = []
  for (const row of rows) lines.push(row.map(field).join(separator))
  return lines.join('\r\n')
}
