import { lstatSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { laneSocket, SOCKETS } from '@db-forge/contract/wire/folder'
import { checkOwnFolder, checkSocketPath, EXIT, StartError } from '@db-forge/worker-kit'
import type { Config } from './config.ts'

export interface Folder {
  readonly dir: string
  readonly database: string
  readonly lock: string
  /** Where SQLite sorts and rebuilds what its cache cannot hold: beside the data, since /tmp may be memory. */
  readonly tempDir: string
  readonly controlSocket: string
  /** The writer's. */
  readonly sqlSocket: string
  laneSocket(lane: number): string
}

export function folderAt(dir: string): Folder {
  const runDir = join(dir, 'run')
  return {
    dir,
    database: join(dir, 'main.sqlite'),
    lock: join(runDir, 'lock.sqlite'),
    tempDir: join(runDir, 'tmp'),
    controlSocket: join(runDir, SOCKETS.control),
    sqlSocket: join(runDir, SOCKETS.sql),
    laneSocket: (lane) => join(runDir, laneSocket(lane)),
  }
}

/**
 * Makes sure that the folder can serve, before anything in it is touched.
 * @throws StartError
 */
export function checkFolder({ dir, contained }: Config): Folder {
  const folder = folderAt(dir)
  checkOwnFolder(dir, contained)
  for (const path of [folder.controlSocket, folder.sqlSocket]) checkSocketPath(path)
  refuseForeignFile(folder.database)
  mkdirSync(folder.tempDir, { recursive: true, mode: 0o770 })
  return folder
}

export function removeStaleSockets(folder: Folder): void {
  const runDir = dirname(folder.lock)
  for (const name of readdirSync(runDir))
    if (name.endsWith('.sock')) rmSync(join(runDir, name), { force: true })
}

/** A link in the folder would lead SQLite out of it. */
function refuseForeignFile(path: string): void {
  for (const file of [path, `${path}-wal`, `${path}-shm`]) {
    const stat = lstatSync(file, { throwIfNoEntry: false })
    if (stat && !stat.isFile())
      throw new StartError(EXIT.databaseUnusable, `${file} is not a regular file`)
  }
}
