/** A reader of RFC 4180 that also takes bare line feeds, and tells an empty field (null) from empty text in quotes. */
export function parseCsv(text: string): (string | null)[][] {
  const lines: (string | null)[][] = []
  const field = /"((?:[^"]|"")*)"|([^",\r\n]*)/y
  for (let at = 0; at < text.length; ) {
    const line: (string | null)[] = []
    for (;;) {
      field.lastIndex = at
      const [whole = '', quoted, plain] = field.exec(text) ?? []
      line.push(quoted?.replaceAll('""', '"') ?? (plain || null))
      at += whole.length
      if (text[at] !== ',') break
      at += 1
    }
    const end = /\r?\n|$/y
    end.lastIndex = at
    const [ended] = end.exec(text) ?? []
    if (ended === undefined) throw new Error(`neither a field nor the end of a line at ${at}`)
    at += ended.length
    lines.push(line)
  }
  return lines
}
