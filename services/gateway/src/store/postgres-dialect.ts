import { PostgresDialect } from 'kysely'
import pg from 'pg'
import { connectionOptions } from './postgres-connection.ts'

const CONNECTIONS_MAX = 10
/** Sooner than a silent connection is given up, so that idle ones are closed in good order. */
const IDLE_MS = 8_000

/** A store that several gateways share. @param onIdleError a connection was lost while nothing was asked on it */
export function postgresDialect(url: string, onIdleError: (error: Error) => void): PostgresDialect {
  return new PostgresDialect({
    pool: async () => {
      const pool = new pg.Pool({
        ...connectionOptions(url),
        max: CONNECTIONS_MAX,
        idleTimeoutMillis: IDLE_MS,
      })
      pool.on('error', onIdleError)
      return pool
    },
  })
}
