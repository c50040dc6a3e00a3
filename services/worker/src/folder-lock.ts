import { EXIT, StartError } from '@db-forge/worker-kit'
import Database from 'better-sqlite3'

/** How long a predecessor may take to die. */
const WAIT_MS = 2000

export interface FolderLock {
  release(): void
}

/**
 * Makes this process the only worker of a folder. The lock is SQLite's own file lock on an empty database, so
 * the kernel releases it however the process ends, and it holds across containers that share the folder.
 * @throws StartError if another worker does not let go in time.
 */
export function lockFolder(path: string, waitMs = WAIT_MS): FolderLock {
  const database = new Database(path, { timeout: waitMs })
  try {
    database.prepare('BEGIN EXCLUSIVE').run()
  } catch (error) {
    database.close()
    if (!(error instanceof Database.SqliteError) || !error.code.startsWith('SQLITE_BUSY'))
      throw error
    throw new StartError(EXIT.folderInUse, `another worker holds ${path}`, { cause: error })
  }
  return { release: () => database.close() }
}
