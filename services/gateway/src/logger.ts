import { type Logger, pino } from 'pino'
import pretty from 'pino-pretty'
import type { Config } from './config.ts'

/** JSON lines, or text for people on a terminal. Headers that carry secrets never reach a line. */
export function createLogger(config: Pick<Config, 'logLevel' | 'logFormat'>): Logger {
  const options = {
    level: config.logLevel,
    redact: ['req.headers.authorization', 'req.headers.cookie', 'req.headers["x-api-key"]'],
  }
  if (config.logFormat === 'json')
    // Lines leave together, at the latest after `periodicFlush` milliseconds and as the process ends.
    return pino(
      options,
      pino.destination({ fd: 1, sync: false, minLength: 4096, periodicFlush: 100 }),
    )
  return pino(
    options,
    pretty({ colorize: true, ignore: 'pid,hostname', translateTime: 'HH:MM:ss.l' }),
  )
}
