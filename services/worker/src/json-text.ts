import type { Payload } from '@db-forge/worker-kit'

const SLAB_BYTES = 64 * 1024
/** Text up to here becomes a string: short answers are encoded once, straight into their frame. */
const SHORT_BYTES = 8 * 1024
/** Less room than this is not worth a part. */
const ROOM_BYTES_MIN = 4 * 1024

/**
 * Memory for answers, used again and again: left to the garbage collector, a few of them would fill a small
 * container before it takes notice.
 */
export class SlabPool {
  readonly #slabsMax: number
  readonly #free: Buffer[] = []

  constructor(bytesMax: number) {
    this.#slabsMax = Math.ceil(bytesMax / SLAB_BYTES)
  }

  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(SLAB_BYTES)
  }

  give(slabs: readonly Buffer[]): void {
    for (const slab of slabs) if (this.#free.length < this.#slabsMax) this.#free.push(slab)
  }
}

/** Collects JSON text without ever holding a long answer as one string. */
export class JsonText {
  readonly #pool: SlabPool
  readonly #slabs: Buffer[] = []
  readonly #parts: Buffer[] = []
  #partBytes = 0
  #slab: Buffer
  #slabUsed = 0

  constructor(pool: SlabPool) {
    this.#pool = pool
    this.#slab = this.#openSlab()
  }

  /** Bytes so far. */
  get bytes(): number {
    return this.#partBytes + this.#slabUsed
  }

  /** Adds a text shorter than the least room. */
  add(text: string): void {
    if (SLAB_BYTES - this.#slabUsed < ROOM_BYTES_MIN) this.#nextSlab()
    this.#slabUsed += this.#slab.write(text, this.#slabUsed)
  }

  /** Room for the next part; what has been written there is told by `wrote`. */
  room(): Uint8Array {
    if (this.#slabUsed === 0) return this.#slab
    if (SLAB_BYTES - this.#slabUsed < ROOM_BYTES_MIN) this.#nextSlab()
    return this.#slab.subarray(this.#slabUsed)
  }

  wrote(bytes: number): void {
    this.#slabUsed += bytes
  }

  payload(): Payload {
    if (this.#parts.length === 0 && this.#slabUsed <= SHORT_BYTES) {
      const text = this.#slab.toString('utf8', 0, this.#slabUsed)
      this.discard()
      return text
    }
    this.#closeSlab()
    return { parts: this.#parts, release: () => this.discard() }
  }

  /** Gives the memory back. */
  discard(): void {
    this.#pool.give(this.#slabs.splice(0))
  }

  #openSlab(): Buffer {
    const slab = this.#pool.take()
    this.#slabs.push(slab)
    return slab
  }

  #nextSlab(): void {
    this.#closeSlab()
    this.#slab = this.#openSlab()
    this.#slabUsed = 0
  }

  #closeSlab(): void {
    if (this.#slabUsed > 0) this.#parts.push(this.#slab.subarray(0, this.#slabUsed))
    this.#partBytes += this.#slabUsed
    this.#slabUsed = 0
  }
}
