/** JSON text ready to be sent: a string, or, where it is long, bytes in several parts. */
export type Payload = string | LongText

interface LongText {
  readonly parts: readonly Buffer[]
  /** To be called once the parts are sent. */
  release(): void
}

const SLAB_BYTES = 64 * 1024
/** Text up to here stays a string: short answers are encoded once, straight into their frame. */
const PIECE_CHARACTERS = 8 * 1024

/**
 * Memory for long answers, used again and again: left to the garbage collector, a few of them would fill a
 * small container before it takes notice.
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
    this.#free.push(...slabs.slice(0, this.#slabsMax - this.#free.length))
  }
}

/** Collects JSON text without ever holding a long answer as one string. */
export class JsonText {
  readonly #pool: SlabPool
  readonly #slabs: Buffer[] = []
  readonly #parts: Buffer[] = []
  #partBytes = 0
  #slab: Buffer | undefined
  #slabUsed = 0
  #tail = ''

  constructor(pool: SlabPool) {
    this.#pool = pool
  }

  /** Bytes so far; of the last few thousand characters only their number is known. */
  get bytes(): number {
    return this.#partBytes + this.#slabUsed + this.#tail.length
  }

  add(text: string): void {
    this.#tail += text
    if (this.#tail.length >= PIECE_CHARACTERS) this.#cut()
  }

  payload(): Payload {
    if (this.#parts.length === 0 && !this.#slab) return this.#tail
    this.#cut()
    this.#closeSlab()
    return { parts: this.#parts, release: () => this.#pool.give(this.#slabs) }
  }

  #cut(): void {
    const bytes = Buffer.byteLength(this.#tail)
    if (bytes > SLAB_BYTES - this.#slabUsed) this.#closeSlab()
    if (bytes > SLAB_BYTES) this.#addPart(Buffer.from(this.#tail))
    else {
      this.#slab ??= this.#openSlab()
      this.#slabUsed += this.#slab.write(this.#tail, this.#slabUsed)
    }
    this.#tail = ''
  }

  #openSlab(): Buffer {
    const slab = this.#pool.take()
    this.#slabs.push(slab)
    return slab
  }

  #closeSlab(): void {
    if (this.#slab) this.#addPart(this.#slab.subarray(0, this.#slabUsed))
    this.#slab = undefined
    this.#slabUsed = 0
  }

  #addPart(part: Buffer): void {
    this.#parts.push(part)
    this.#partBytes += part.length
  }
}
