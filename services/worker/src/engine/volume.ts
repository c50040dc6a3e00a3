import { statfsSync } from 'node:fs'

/** Of which a file's next block cannot be had. */
const NEARLY_NONE_BYTES = 64 * 1024

let folder: string | null = null
let onFull = (): void => {}

/** Has failures for want of room looked into: the thread's one database lies in this folder. */
export function watchVolume(dir: string, tell: () => void): void {
  folder = dir
  onFull = tell
}

/** SQLite says the same of a database that has reached its limit and of a volume that has no room. */
export function volumeIsFull(): boolean {
  if (folder === null) return false
  const { bavail, bsize } = statfsSync(folder)
  const full = bavail * bsize < NEARLY_NONE_BYTES
  if (full) onFull()
  return full
}
