import { writeSync } from 'node:fs'

type LogLevel = 'info' | 'warn' | 'error'
export type LogFields = Readonly<Record<string, unknown>>
export type Log = (level: LogLevel, msg: string, fields?: LogFields) => void

/**
 * One JSON line for each entry, written before the call returns: a worker that is about to kill itself is
 * still heard. Values of SQL parameters have no place here.
 */
export const log: Log = (level, msg, fields) => {
  const line = JSON.stringify({ level, time: Date.now(), msg, ...fields })
  try {
    writeSync(1, `${line}\n`)
  } catch {
    // Nobody reads (EPIPE) or not fast enough (EAGAIN); a log line is not worth a database.
  }
}

export function errorFields(error: unknown): LogFields {
  if (!(error instanceof Error)) return { error: String(error) }
  const code = (error as NodeJS.ErrnoException).code
  return { error: error.message, ...(code ? { code } : {}), stack: error.stack }
}
