import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { laneSocket, SOCKETS } from '@db-forge/contract/wire/folder'
import { POSTGRES_SOCKET } from '@db-forge/contract/wire/postgres'
import { checkOwnFolder, checkSocketPath } from '@db-forge/worker-kit'
import type { Config } from './config.ts'

export interface Folder {
  readonly dir: string
  readonly runDir: string
  /** PostgreSQL's data directory. */
  readonly data: string
  readonly lock: string
  readonly controlSocket: string
  readonly sqlSocket: string
  readonly serverSocket: string
}

export function folderAt(dir: string): Folder {
  const runDir = join(dir, 'run')
  return {
    dir,
    runDir,
    data: join(dir, 'pgdata'),
    lock: join(runDir, 'worker.lock'),
    controlSocket: join(runDir, SOCKETS.control),
    sqlSocket: join(runDir, laneSocket(0)),
    serverSocket: join(runDir, POSTGRES_SOCKET),
  }
}

/**
 * Makes sure that the folder can serve, before anything in it is touched.
 * @throws StartError
 */
export function checkFolder({ dir, contained }: Config): Folder {
  const folder = folderAt(dir)
  checkOwnFolder(dir, contained)
  for (const path of [folder.controlSocket, folder.sqlSocket, folder.serverSocket])
    checkSocketPath(path)
  mkdirSync(folder.runDir, { recursive: true, mode: 0o770 })
  return folder
}

/** To be called by the holder of the folder's lock: whoever made them is gone. */
export function removeStale(folder: Folder): void {
  const leftovers = [
    folder.controlSocket,
    folder.sqlSocket,
    folder.serverSocket,
    `${folder.serverSocket}.lock`,
    join(folder.data, 'postmaster.pid'),
  ]
  for (const path of leftovers) rmSync(path, { force: true })
}
