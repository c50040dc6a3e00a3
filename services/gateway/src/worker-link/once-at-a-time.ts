/** Does something when it is wanted, but not twice at once, and after each time not before a pause. */
export class OnceAtATime {
  readonly #act: () => Promise<void>
  readonly #pauseMs: number
  #busy = false
  #notBefore = 0

  constructor(act: () => Promise<void>, pauseMs: number) {
    this.#act = act
    this.#pauseMs = pauseMs
  }

  want(): void {
    if (this.#busy || performance.now() < this.#notBefore) return
    this.#busy = true
    void this.#act().finally(() => {
      this.#busy = false
      this.#notBefore = performance.now() + this.#pauseMs
    })
  }
}
