/** JSON text ready to be sent: in one piece or, where it is long, in several. */
export type Payload = string | readonly Buffer[]

/** Text up to here stays a string: short answers are encoded once, straight into their frame. */
const PIECE_CHARACTERS = 16 * 1024

/** Collects JSON text without ever holding a long answer as one string. */
export class JsonText {
  #pieces: Buffer[] = []
  #tail = ''
  #pieceBytes = 0

  /** Bytes so far; of the last few thousand characters only their number is known. */
  get bytes(): number {
    return this.#pieceBytes + this.#tail.length
  }

  add(text: string): void {
    this.#tail += text
    if (this.#tail.length >= PIECE_CHARACTERS) this.#cut()
  }

  payload(): Payload {
    if (this.#pieces.length === 0) return this.#tail
    this.#cut()
    return this.#pieces
  }

  #cut(): void {
    const piece = Buffer.from(this.#tail)
    this.#pieces.push(piece)
    this.#pieceBytes += piece.length
    this.#tail = ''
  }
}
