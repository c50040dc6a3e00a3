import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { TokenFile } from './core/credentials.ts'

/** `admin-token` in the secrets folder, readable by its owner alone. */
export function tokenFile(secretsDir: string): TokenFile & { readonly path: string } {
  const path = join(secretsDir, 'admin-token')
  return {
    path,
    async read() {
      try {
        return (await readFile(path, 'utf8')).trim() || null
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
        throw error
      }
    },
    async write(token) {
      await mkdir(dirname(path), { recursive: true })
      await writeFile(path, `${token}\n`, { mode: 0o600 })
      await chmod(path, 0o600)
    },
  }
}
