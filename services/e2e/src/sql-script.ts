/** What a semicolon may stand in without ending a statement: strings, quoted names, comments. */
const PIECES =
  /'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|\[[^\]]*\]|--[^\n]*|\/\*[\s\S]*?\*\/|;|[^'"`[;/-]+|./g

/** The statements of a script, without comments around them and without what is empty. */
export function splitScript(script: string): string[] {
  const statements = ['']
  for (const [piece] of script.matchAll(PIECES)) {
    const isComment = piece.startsWith('--') || piece.startsWith('/*')
    if (piece === ';') statements.push('')
    else if (!isComment) statements.push((statements.pop() ?? '') + piece)
  }
  return statements.map((text) => text.trim()).filter(Boolean)
}
