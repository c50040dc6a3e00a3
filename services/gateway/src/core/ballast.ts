import { randomFillSync } from 'node:crypto'
import { open, rename, rm, stat } from 'node:fs/promises'

const CHUNK_BYTES = 1024 * 1024

/**
 * A file that takes room so that it can be given back: on a full volume a worker can neither recover nor delete. It lies
 * under its name only while it is whole. Where several gateways share the folder, one makes it and each may give it up.
 */
export class Ballast {
  readonly #path: string
  readonly #bytes: number
  #held = 0
  #making: Promise<void> | null = null

  constructor(path: string, bytes: number) {
    this.#path = path
    this.#bytes = bytes
  }

  /** What it takes now, and what it would take more. */
  get heldBytes(): number {
    return this.#held
  }

  get missingBytes(): number {
    return this.#bytes - this.#held
  }

  get whole(): boolean {
    return this.#held >= this.#bytes && this.#making === null
  }

  /** Looks what is there: another gateway may have made it or given it up. */
  async look(): Promise<void> {
    if (this.#making !== null) return
    const there = await stat(this.#path).catch(() => null)
    this.#held = there?.size === this.#bytes ? this.#bytes : 0
  }

  /** @returns whether there was anything to give back: half of one that somebody was making, or one of another size, too. */
  async release(): Promise<boolean> {
    await this.#making?.catch(() => undefined)
    const paths = [this.#path, this.#unfinished]
    const there = await Promise.all(paths.map((path) => stat(path).catch(() => null)))
    for (const path of paths) await rm(path, { force: true })
    this.#held = 0
    return there.some((file) => file !== null)
  }

  /** @throws Error where there is no room for it after all; nothing of it is left then. */
  make(): Promise<void> {
    this.#making ??= this.#write().finally(() => {
      this.#making = null
    })
    return this.#making
  }

  async #write(): Promise<void> {
    // One of another size, or what a gateway that has ended left of one.
    await Promise.all([this.#path, this.#unfinished].map((path) => rm(path, { force: true })))
    // Not zeros: a file system that compresses would keep nothing of them.
    const chunk = randomFillSync(Buffer.allocUnsafe(CHUNK_BYTES))
    const file = await open(this.#unfinished, 'w', 0o600)
    try {
      for (this.#held = 0; this.#held < this.#bytes; ) {
        const bytes = Math.min(CHUNK_BYTES, this.#bytes - this.#held)
        this.#held += (await file.write(chunk, 0, bytes)).bytesWritten
      }
      await file.sync()
      await rename(this.#unfinished, this.#path)
    } catch (error) {
      await rm(this.#unfinished, { force: true })
      this.#held = 0
      throw error
    } finally {
      await file.close()
    }
  }

  get #unfinished(): string {
    return `${this.#path}.new`
  }
}
