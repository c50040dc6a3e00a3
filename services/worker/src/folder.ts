import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { laneSocket, SOCKETS, VOLUME_MARKER } from '@db-forge/contract/wire/folder'
import type { Config } from './config.ts'
import { EXIT, StartError } from './exit-codes.ts'

/** What `sockaddr_un` leaves for a path. */
const SOCKET_PATH_BYTES_MAX = 107

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
  if (!statSync(dir, { throwIfNoEntry: false })?.isDirectory())
    throw new StartError(EXIT.configInvalid, `DBFORGE_DATABASE_DIR: ${dir} is not a folder`)
  refuseVolumeRoot(dir, contained)
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

/** Lets a gateway that shares only the group connect. */
export function shareWithGroup(socketPath: string): void {
  chmodSync(socketPath, 0o660)
}

function checkSocketPath(path: string): void {
  const bytes = Buffer.byteLength(path)
  if (bytes <= SOCKET_PATH_BYTES_MAX) return
  throw new StartError(
    EXIT.configInvalid,
    `the path of the socket ${path} has ${bytes} bytes and a Unix socket's may have ${SOCKET_PATH_BYTES_MAX}: choose a shorter data folder`,
  )
}

/** A link in the folder would lead SQLite out of it. */
function refuseForeignFile(path: string): void {
  for (const file of [path, `${path}-wal`, `${path}-shm`]) {
    const stat = lstatSync(file, { throwIfNoEntry: false })
    if (stat && !stat.isFile())
      throw new StartError(EXIT.databaseUnusable, `${file} is not a regular file`)
  }
}

function refuseVolumeRoot(dir: string, contained: boolean): void {
  const places = contained ? [...ancestors(dir), ...mountPoints()] : [dir]
  for (const place of places) {
    if (!isThere(join(place, VOLUME_MARKER))) continue
    throw new StartError(
      EXIT.seesTooMuch,
      `${VOLUME_MARKER} is visible in ${place}: this worker sees the folders of other databases and will not start`,
    )
  }
}

function isThere(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined
  } catch {
    return false
  }
}

function ancestors(dir: string): string[] {
  const parent = dirname(dir)
  return parent === dir ? [dir] : [dir, ...ancestors(parent)]
}

function mountPoints(): string[] {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').trim().split('\n')
  return lines
    .map((line) =>
      (line.split(' ')[4] ?? '/').replace(/\\(\d{3})/g, (_, octal) =>
        String.fromCharCode(Number.parseInt(octal, 8)),
      ),
    )
    .filter((path) => !/^\/(?:proc|sys|dev)(?:\/|$)/.test(path))
}
