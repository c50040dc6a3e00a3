import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'

/** Bytes of the files in a folder and below it; 0 for one that is not there. Links are not followed. */
export async function folderSize(path: string): Promise<number> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => [])
  const sizes = await Promise.all(
    entries.map((entry) => {
      const child = join(path, entry.name)
      if (entry.isDirectory()) return folderSize(child)
      // A file may go between listing and looking, as write-ahead logs do.
      return entry.isFile()
        ? lstat(child).then(
            (stat) => stat.size,
            () => 0,
          )
        : 0
    }),
  )
  return sizes.reduce((sum, size) => sum + size, 0)
}
