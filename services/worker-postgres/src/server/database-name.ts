import { readFileSync, renameSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { syncPath } from './data-directory.ts'
import { DATABASE_AT_FIRST } from './roles.ts'

const FILE = 'dbforge.database'

/**
 * What the server's only database is called, kept beside it, since one has to name a database to ask. While it is being
 * renamed both names are there.
 */
export class DatabaseName {
  readonly #data: string
  #names: readonly string[]

  constructor(data: string) {
    this.#data = data
    this.#names = read(join(data, FILE))
  }

  get current(): string {
    return this.#names[0] ?? DATABASE_AT_FIRST
  }

  /** A renaming was begun, and how it ended has not been kept. */
  get inDoubt(): boolean {
    return this.#names.length > 1
  }

  /** The other one of two turned out to be right. @returns whether there was another. */
  tryOther(): boolean {
    const [first, other] = this.#names
    if (first === undefined || other === undefined) return false
    this.#names = [other, first]
    return true
  }

  /** What the server itself says. */
  confirm(name: string): void {
    if (name !== this.current) this.#names = [name, this.current]
  }

  async renaming(to: string): Promise<void> {
    await this.#keep([this.current, to])
  }

  async renamed(to: string): Promise<void> {
    await this.#keep([to])
  }

  async #keep(names: readonly string[]): Promise<void> {
    const path = join(this.#data, FILE)
    await writeFile(`${path}.new`, JSON.stringify(names))
    syncPath(`${path}.new`)
    renameSync(`${path}.new`, path)
    syncPath(this.#data)
    this.#names = names
  }
}

function read(path: string): string[] {
  try {
    const names: unknown = JSON.parse(readFileSync(path, 'utf8'))
    return Array.isArray(names) ? names.filter((name) => typeof name === 'string') : []
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
