import { chmodSync, lstatSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { EXIT } from '@db-forge/contract/wire/exit-codes'
import { VOLUME_MARKER } from '@db-forge/contract/wire/folder'
import { StartError } from './start-error.ts'

/** What `sockaddr_un` leaves for a path. */
const SOCKET_PATH_BYTES_MAX = 107

/**
 * Makes sure that the folder is the worker's own and no more than that can be seen, before anything in it is touched.
 * @throws StartError
 */
export function checkOwnFolder(dir: string, contained: boolean): void {
  if (!statSync(dir, { throwIfNoEntry: false })?.isDirectory())
    throw new StartError(EXIT.configInvalid, `DBFORGE_DATABASE_DIR: ${dir} is not a folder`)
  refuseVolumeRoot(dir, contained)
}

/** @throws StartError for a path that no Unix socket can have. */
export function checkSocketPath(path: string): void {
  const bytes = Buffer.byteLength(path)
  if (bytes <= SOCKET_PATH_BYTES_MAX) return
  throw new StartError(
    EXIT.configInvalid,
    `the path of the socket ${path} has ${bytes} bytes and a Unix socket's may have ${SOCKET_PATH_BYTES_MAX}: choose a shorter data folder`,
  )
}

/** Lets a gateway that shares only the group connect. */
export function shareWithGroup(socketPath: string): void {
  chmodSync(socketPath, 0o660)
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
