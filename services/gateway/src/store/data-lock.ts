import { join } from 'node:path'
import Sqlite from 'better-sqlite3'

/** A gateway that is just stopping may take this long to let go. */
const WAIT_MS = 5_000

export class DataLockedError extends Error {}

/**
 * Takes a folder for this process: two gateways would each take the other's workers for lost. The lock is
 * SQLite's own on a file, which the system gives back however the process ends.
 * @returns the function that lets go
 * @throws DataLockedError
 */
export function lockData(metaDir: string): () => void {
  const db = new Sqlite(join(metaDir, 'lock.sqlite'), { timeout: WAIT_MS })
  try {
    db.exec('begin exclusive')
  } catch (cause) {
    db.close()
    throw new DataLockedError(
      `Another gateway uses ${metaDir}; stop it or choose another data folder`,
      {
        cause,
      },
    )
  }
  return () => db.close()
}
