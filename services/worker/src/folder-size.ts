import { readdirSync, readlinkSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Folder } from './folder.ts'

export interface FolderSize {
  readonly mainBytes: number
  readonly walBytes: number
  /** What SQLite spills: files that it has deleted already and still holds open. */
  readonly tempBytes: number
  readonly totalBytes: number
}

const OPEN_FILES = '/proc/self/fd'
const DELETED = ' (deleted)'

export function folderSize({ database, tempDir }: Folder): FolderSize {
  const mainBytes = sizeOf(database)
  const walBytes = sizeOf(`${database}-wal`)
  const tempBytes = sum(listed(tempDir)) + sum(deletedIn(tempDir))
  const totalBytes = mainBytes + walBytes + sizeOf(`${database}-shm`) + tempBytes
  return { mainBytes, walBytes, tempBytes, totalBytes }
}

const sum = (paths: readonly string[]) => paths.reduce((bytes, path) => bytes + sizeOf(path), 0)

function sizeOf(path: string): number {
  try {
    return statSync(path, { throwIfNoEntry: false })?.size ?? 0
  } catch {
    return 0
  }
}

function listed(dir: string): string[] {
  try {
    return readdirSync(dir).map((name) => join(dir, name))
  } catch {
    return []
  }
}

/** As their descriptors; nothing where there is no /proc. */
function deletedIn(dir: string): string[] {
  return listed(OPEN_FILES).filter((descriptor) => {
    const target = targetOf(descriptor)
    return target.startsWith(`${dir}/`) && target.endsWith(DELETED)
  })
}

function targetOf(link: string): string {
  try {
    return readlinkSync(link)
  } catch {
    return ''
  }
}
