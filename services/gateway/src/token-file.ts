import { randomUUID } from 'node:crypto'
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { TokenFile } from './core/credentials.ts'

/** `admin-token` in the secrets folder, readable by its owner alone. */
export function tokenFile(secretsDir: string): TokenFile & { readonly path: string } {
  const path = join(secretsDir, 'admin-token')
  const read = async () => {
    try {
      return (await readFile(path, 'utf8')).trim() || null
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
      throw error
    }
  }
  return {
    path,
    read,
    async create(token) {
      await mkdir(dirname(path), { recursive: true })
      // Whoever reads the file must find all of it, and another gateway may be doing the same.
      const draft = `${path}.${randomUUID()}`
      await writeFile(draft, `${token}\n`, { mode: 0o600 })
      try {
        await link(draft, path)
        return token
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
        const written = await read()
        if (written !== null) return written
        await rename(draft, path)
        return token
      } finally {
        await rm(draft, { force: true })
      }
    },
    remove: () => rm(path, { force: true }),
  }
}
