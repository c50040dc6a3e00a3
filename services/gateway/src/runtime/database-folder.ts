import { lchown, lstat, mkdir, readdir, realpath, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseId } from '@db-forge/contract'
import type { DataLayout } from './data-layout.ts'

/** Makes the folder of a database and the one for its worker's sockets. Both are closed to other users. */
export async function makeDatabaseFolder(layout: DataLayout, id: DatabaseId): Promise<void> {
  await mkdir(layout.runDir(id), { recursive: true, mode: 0o700 })
}

/**
 * Gives all that is in a folder to a user, as files that another runtime left. Links are given, not followed. No
 * worker may run meanwhile: it could put a link where a folder was.
 */
export async function giveFolder(dir: string, uid: number, gid: number): Promise<void> {
  const inside = await readdir(dir, { recursive: true })
  for (const path of [dir, ...inside.map((name) => join(dir, name))]) {
    const owner = await lstat(path)
    if (owner.uid !== uid || owner.gid !== gid) await lchown(path, uid, gid)
  }
}

/**
 * Removes the folder of a database. What is there already gone succeeds. A worker may have left anything in its
 * folder, so nothing of it is followed; the folder itself must lie where it should and be no link.
 */
export async function removeDatabaseFolder(layout: DataLayout, id: DatabaseId): Promise<void> {
  const dir = join(layout.databasesDir, DatabaseId.parse(id))
  const found = await lstat(dir).catch(nullIfAbsent)
  if (!found) return
  if (!found.isDirectory()) throw new Error(`${dir} is no folder`)
  if ((await realpath(dir)) !== join(await realpath(layout.databasesDir), id))
    throw new Error(`${dir} lies outside of the data folder`)
  await rm(dir, { recursive: true, force: true, maxRetries: 3 })
}

export function nullIfAbsent(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null
  throw error
}
