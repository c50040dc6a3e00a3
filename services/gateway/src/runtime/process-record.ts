import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseId } from '@db-forge/contract'
import { z } from 'zod'
import { nullIfAbsent } from './database-folder.ts'

/** What is known of a worker process beyond the life of the gateway that started it. */
export const ProcessRecord = z.object({
  /** Null from just before the start until the process is there. */
  pid: z.int().min(2).nullable(),
  specHash: z.string(),
  startedAt: z.coerce.date(),
})
export type ProcessRecord = z.output<typeof ProcessRecord>

/** One small file for each worker; it stands for the worker as a stopped container does, until that is removed. */
export class ProcessRecords {
  readonly #dir: string

  constructor(dir: string) {
    this.#dir = dir
  }

  async read(id: DatabaseId): Promise<ProcessRecord | null> {
    const text = await readFile(this.#path(id), 'utf8').catch(nullIfAbsent)
    return text === null ? null : parse(text)
  }

  async write(id: DatabaseId, record: ProcessRecord): Promise<void> {
    await mkdir(this.#dir, { recursive: true, mode: 0o700 })
    const draft = `${this.#path(id)}.new`
    await writeFile(draft, JSON.stringify(record), { mode: 0o600 })
    await rename(draft, this.#path(id))
  }

  async remove(id: DatabaseId): Promise<void> {
    await rm(this.#path(id), { force: true })
  }

  async ids(): Promise<DatabaseId[]> {
    const names = (await readdir(this.#dir).catch(nullIfAbsent)) ?? []
    return names
      .filter((name) => name.endsWith('.json'))
      .map((name) => name.slice(0, -'.json'.length))
      .filter((id) => DatabaseId.safeParse(id).success)
  }

  #path(id: DatabaseId): string {
    return join(this.#dir, `${id}.json`)
  }
}

/** A record that cannot be read still says that there was a worker. */
function parse(text: string): ProcessRecord {
  try {
    return ProcessRecord.parse(JSON.parse(text))
  } catch {
    return { pid: null, specHash: '', startedAt: new Date(0) }
  }
}
