/**
 * What a lane runs at this moment, and what it may not begin, in shared memory: the one is written by the lane, the
 * other, and marks on what runs, by the control thread.
 * A request's number is written last and taken back first, so whoever reads the same number before and after has
 * read of one request.
 */
const REQUEST = 0
const CONNECTION = 1
const SESSION = 2
const FRAME = 3
const MARK = 4
const BEGUN_SESSION = 5
const BEGUN_FRAME = 6
const REFUSED = 7
/** What shall not begin: pairs of session and frame, the oldest given up for the newest. WORDS is even, for the times. */
const REFUSALS_AT = 8
const REFUSALS = 64
const WORDS = REFUSALS_AT + 2 * REFUSALS
const STARTED = 0
const DEADLINE = 1
const TIMES_AT = WORDS * 4
export const LANE_BYTES = TIMES_AT + 2 * 8

/** A mark is a request's number and, in its last two bits, why it is ended. */
const MARK_BITS = 2
const REQUESTS_MAX = 2 ** (31 - MARK_BITS) - 1

/** Why a request is ended before it has come to its end. */
export type Why = 'deadline' | 'cancel' | 'quota'
const WHYS: readonly (Why | null)[] = [null, 'deadline', 'cancel', 'quota']

export interface RequestName {
  /** Of the connection that it came on. */
  readonly session: number
  readonly id: number
}

export interface Running extends RequestName {
  /** Another one each time. */
  readonly request: number
  /** The engine's connection that it runs on. */
  readonly connection: number
  readonly startedMs: number
  readonly deadlineMs: number
  readonly why: Why | null
}

export class LaneClock {
  readonly #words: Int32Array
  readonly #times: Float64Array
  #request = 0

  constructor(shared: SharedArrayBuffer, offset: number) {
    this.#words = new Int32Array(shared, offset, WORDS)
    this.#times = new Float64Array(shared, offset + TIMES_AT, 2)
    this.#request = Atomics.load(this.#words, MARK) >>> MARK_BITS
  }

  /** @returns the number of the request that begins. */
  start(connection: number, name: RequestName, startedMs: number, deadlineMs: number): number {
    this.#request = (this.#request % REQUESTS_MAX) + 1
    this.#times[STARTED] = startedMs
    this.#times[DEADLINE] = deadlineMs
    this.#words[CONNECTION] = connection
    this.#words[SESSION] = name.session
    this.#words[FRAME] = name.id
    Atomics.store(this.#words, REQUEST, this.#request)
    return this.#request
  }

  /** Notes that a request is about to begin. @returns whether it may. */
  enter({ session, id }: RequestName): boolean {
    const begunBefore = this.#words[BEGUN_SESSION] === session ? this.#begunFrame : 0
    Atomics.store(this.#words, BEGUN_SESSION, session)
    Atomics.store(this.#words, BEGUN_FRAME, Math.max(begunBefore, id) | 0)
    return !this.#hasRefusal(session, id)
  }

  /**
   * Lets a request that waits never begin. @returns false if it may have begun. Each side writes before it reads, so
   * a request that begins at this moment is either seen here or sees the refusal.
   */
  refuse({ session, id }: RequestName): boolean {
    if (!this.#hasRefusal(session, id)) {
      const refused = Atomics.load(this.#words, REFUSED)
      const place = REFUSALS_AT + 2 * (refused % REFUSALS)
      Atomics.store(this.#words, place, session)
      Atomics.store(this.#words, place + 1, id | 0)
      Atomics.store(this.#words, REFUSED, refused + 1)
    }
    return Atomics.load(this.#words, BEGUN_SESSION) === session && this.#begunFrame < id
  }

  get #begunFrame(): number {
    return Atomics.load(this.#words, BEGUN_FRAME) >>> 0
  }

  #hasRefusal(session: number, id: number): boolean {
    const count = Math.min(Atomics.load(this.#words, REFUSED), REFUSALS)
    for (let place = REFUSALS_AT; place < REFUSALS_AT + 2 * count; place += 2) {
      const isOf = Atomics.load(this.#words, place) === session
      if (isOf && Atomics.load(this.#words, place + 1) === (id | 0)) return true
    }
    return false
  }

  /** @returns why the request was to be ended, if it was. */
  end(): Why | null {
    Atomics.store(this.#words, REQUEST, 0)
    return this.#markOf(this.#request)
  }

  running(): Running | null {
    for (;;) {
      const request = Atomics.load(this.#words, REQUEST)
      if (request === 0) return null
      const running = {
        request,
        connection: this.#words[CONNECTION] ?? 0,
        session: this.#words[SESSION] ?? 0,
        id: (this.#words[FRAME] ?? 0) >>> 0,
        startedMs: this.#times[STARTED] ?? 0,
        deadlineMs: this.#times[DEADLINE] ?? 0,
        why: this.#markOf(request),
      }
      if (Atomics.load(this.#words, REQUEST) === request) return running
    }
  }

  /** The first reason stays. */
  mark(request: number, why: Why): void {
    if (this.#markOf(request)) return
    Atomics.store(this.#words, MARK, (request << MARK_BITS) | WHYS.indexOf(why))
  }

  #markOf(request: number): Why | null {
    const mark = Atomics.load(this.#words, MARK)
    return mark >>> MARK_BITS === request ? (WHYS[mark & ((1 << MARK_BITS) - 1)] ?? null) : null
  }
}
