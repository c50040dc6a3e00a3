import { setTimeout as wait } from 'node:timers/promises'
import type { LogLine } from '@db-forge/contract'

const RECENT_MAX = 200
const WAITING_MAX = 1000
const BATCH_MAX = 500
const FLUSH_MS = 100

export interface LogReader {
  /** False while what was sent before has not left yet. */
  isReady(): boolean
  send(lines: LogLine[], dropped: number): void
}

interface Waiting {
  lines: LogLine[]
  dropped: number
}

/**
 * The log of one database for all who read along: it is followed once. For a reader that is slow a bounded number of
 * lines is kept; of what goes beyond, it learns how many there were.
 */
export class LogFeed {
  readonly #follow: (signal: AbortSignal) => AsyncIterable<LogLine>
  readonly #onFailure: (error: unknown) => void
  readonly #readers = new Map<LogReader, Waiting>()
  readonly #closed = new AbortController()
  #recent: LogLine[] = []
  #again = () => {}

  constructor(
    follow: (signal: AbortSignal) => AsyncIterable<LogLine>,
    onFailure: (error: unknown) => void,
  ) {
    this.#follow = follow
    this.#onFailure = onFailure
    void this.#run()
    void this.#flush()
  }

  /** Begins with the last lines there are. */
  add(reader: LogReader): void {
    this.#readers.set(reader, { lines: [...this.#recent], dropped: 0 })
  }

  remove(reader: LogReader): void {
    this.#readers.delete(reader)
  }

  /** There may be a worker anew, whose log is to be followed. */
  followAgain(): void {
    this.#again()
  }

  close(): void {
    this.#closed.abort()
    this.#again()
  }

  async #run(): Promise<void> {
    const { signal } = this.#closed
    while (!signal.aborted) {
      const again = new Promise<void>((resolve) => {
        this.#again = resolve
      })
      const seen = new Set(this.#recent.map(keyOf))
      const lastAt = this.#recent.at(-1)?.at ?? ''
      try {
        for await (const line of this.#follow(signal))
          if (line.at > lastAt || (line.at === lastAt && !seen.has(keyOf(line)))) this.#take(line)
      } catch (error) {
        if (!signal.aborted) this.#onFailure(error)
      }
      await again
    }
  }

  #take(line: LogLine): void {
    this.#recent.push(line)
    if (this.#recent.length > 2 * RECENT_MAX) this.#recent = this.#recent.slice(-RECENT_MAX)
    for (const waiting of this.#readers.values()) {
      waiting.lines.push(line)
      if (waiting.lines.length <= WAITING_MAX) continue
      waiting.lines.shift()
      waiting.dropped += 1
    }
  }

  async #flush(): Promise<void> {
    const { signal } = this.#closed
    while (!signal.aborted) {
      for (const [reader, waiting] of this.#readers) {
        if (waiting.lines.length === 0 || !reader.isReady()) continue
        reader.send(waiting.lines.splice(0, BATCH_MAX), waiting.dropped)
        waiting.dropped = 0
      }
      await wait(FLUSH_MS, undefined, { signal, ref: false }).catch(() => {})
    }
  }
}

const keyOf = ({ at, stream, line }: LogLine) => `${at} ${stream} ${line}`
