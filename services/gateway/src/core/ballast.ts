import { randomFillSync } from 'node:crypto'
import { open, rename, rm, stat } from 'node:fs/promises'

const CHUNK_BYTES = 1024 * 1024

/**
 * A file that takes room so that it can be given back: on a full volume a worker can neither recover nor delete. It lies
 * under its name only while it is whole.
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
    return this.#held >= this.#bytes && !this.#making
  }

  /** Looks what an earlier gateway has left: one of another size, or half of one, is none. */
  async find(): Promise<void> {
    await rm(this.#unfinished, { force: true })
    const there = await stat(this.#path).catch(() => null)
    if (there?.size === this.#bytes) this.#held = this.#bytes
    else await rm(this.#path, { force: true })
  }

  async release(): Promise<void> {
    await this.#making?.catch(() => undefined)
    await rm(this.#path, { force: true })
    this.#held = 0
  }

  /** @throws Error where there is no room for it after all; nothing of it is left then. */
  make(): Promise<void> {
    this.#making ??= this.#write().finally(() => {
      this.#making = null
    })
    return this.#making
  }

  async #write(): Promise<void> {
    // Not zeros: a file system that compresses would keep nothing of them.
    const chunk = randomFillSync(Buffer.allocUnsafe(CHUNK_BYTES))
    const file = await open(this.#unfinished, 'w', 0o600)
    try {
      for (this.#held = 0; this.#held < this.#bytes; ) {
        const { bytesWritten } = await file.write(
          chunk,
          0,
          Math.min(CHUNK_BYTES, this.#bytes - this.#held),
        )
        this.#held += bytesWritten
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
