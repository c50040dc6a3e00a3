export interface ReadLogLine {
  readonly level: string
  readonly message: string
  /** What else the line says, as `name=value`. */
  readonly rest: string
}

/** A line of a structured log in words; null if it is not one. */
export function readLogLine(line: string): ReadLogLine | null {
  if (!line.startsWith('{')) return null
  try {
    const { level, msg, time: _, ...rest } = JSON.parse(line) as Record<string, unknown>
    if (typeof msg !== 'string') return null
    return {
      level: String(level ?? ''),
      message: msg,
      rest: Object.entries(rest).map(pair).join(' '),
    }
  } catch {
    return null
  }
}

const pair = ([name, value]: [string, unknown]) =>
  `${name}=${typeof value === 'string' && /^[^\s="]+$/.test(value) ? value : JSON.stringify(value)}`
