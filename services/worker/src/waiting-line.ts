import type { Connection } from '@db-forge/worker-kit'
import type { Waiting } from './waiting.ts'

/** What waits for a lane, in the order of arrival. */
export class WaitingLine {
  #line: Waiting[] = []
  #bytes = 0

  get length(): number {
    return this.#line.length
  }

  /** Of memory that is held by what waits. */
  get bytes(): number {
    return this.#bytes
  }

  push(waiting: Waiting): void {
    this.#line.push(waiting)
    this.#bytes += waiting.bytes
  }

  /** Puts back what was taken and has not begun. */
  putBack(waiting: readonly Waiting[]): void {
    this.#line = [...waiting, ...this.#line]
    for (const { bytes } of waiting) this.#bytes += bytes
  }

  /** Takes out those for which `choose` says so, from the front, until it says `stop`. */
  take(choose: (waiting: Waiting) => 'take' | 'pass' | 'stop'): Waiting[] {
    const taken: Waiting[] = []
    const passed: Waiting[] = []
    let at = 0
    for (const waiting of this.#line) {
      const choice = choose(waiting)
      if (choice === 'stop') break
      at += 1
      if (choice === 'take') taken.push(waiting)
      else passed.push(waiting)
    }
    this.#line = passed.length === 0 ? this.#line.slice(at) : passed.concat(this.#line.slice(at))
    for (const { bytes } of taken) this.#bytes -= bytes
    return taken
  }

  takeAll(which: (waiting: Waiting) => boolean): Waiting[] {
    return this.take((waiting) => (which(waiting) ? 'take' : 'pass'))
  }

  takeOf(from: Connection, id: number): Waiting | undefined {
    if (!this.#line.some((waiting) => waiting.id === id && waiting.from === from)) return undefined
    return this.takeAll((waiting) => waiting.id === id && waiting.from === from)[0]
  }

  some(which: (waiting: Waiting) => boolean): boolean {
    return this.#line.some(which)
  }
}
