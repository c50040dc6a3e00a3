const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s"{}[\],:]+/gs
const SHOWN_CHARS = 200_000

/** JSON text with a line for each member. It is not parsed, so that no digit of a number is lost. */
export function indentedJson(text: string): string {
  if (text.length > SHOWN_CHARS) return text
  const tokens = text.match(TOKEN) ?? []
  let depth = 0
  let out = ''
  const line = () => `\n${'  '.repeat(depth)}`
  for (const [at, token] of tokens.entries()) {
    if (token === '{' || token === '[') {
      depth += 1
      const isEmpty = /^[}\]]$/.test(tokens[at + 1] ?? '')
      out += isEmpty ? token : token + line()
    } else if (token === '}' || token === ']') {
      depth = Math.max(0, depth - 1)
      out += /^[{[]$/.test(tokens[at - 1] ?? '') ? token : line() + token
    } else if (token === ',') out += token + line()
    else out += token === ':' ? ': ' : token
  }
  return out
}
