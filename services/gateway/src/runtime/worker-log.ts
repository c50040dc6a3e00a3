import { mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { nullIfAbsent } from './database-folder.ts'
import type { LogLine } from './worker-runtime.ts'

const ROTATE_BYTES = 4 * 1024 * 1024
const TAIL_BYTES_MAX = 1024 * 1024
const LINE_CHARS_MAX = 16 * 1024
const FOLLOW_MS = 100
const NEWLINE = 0x0a

/** The output of a worker that is a plain process: a file that it appends to itself, and one older one. */
export class WorkerLog {
  readonly #path: string

  constructor(path: string) {
    this.#path = path
  }

  /** A descriptor for a worker about to start. What grew too long under the one before is put aside. */
  async openForWorker() {
    await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 })
    const size = (await stat(this.#path).catch(nullIfAbsent))?.size ?? 0
    if (size > ROTATE_BYTES) await rename(this.#path, `${this.#path}.1`)
    return open(this.#path, 'a', 0o600)
  }

  async remove(): Promise<void> {
    await rm(this.#path, { force: true })
    await rm(`${this.#path}.1`, { force: true })
  }

  async size(): Promise<number> {
    return (await stat(this.#path).catch(nullIfAbsent))?.size ?? 0
  }

  /** The last whole lines, of those that begin after `from`, and where what follows them begins. */
  async tail(count: number, from = 0): Promise<{ lines: LogLine[]; end: number }> {
    const size = await this.size()
    const start = Math.max(from, size - TAIL_BYTES_MAX)
    const bytes = await this.#read(start, size)
    const whole = bytes.lastIndexOf(NEWLINE) + 1
    const lines = bytes.subarray(0, whole).toString().split('\n').slice(0, -1)
    if (start > from) lines.shift()
    const last = count > 0 ? lines.slice(-count) : []
    return { lines: new LineReader().read(last), end: start + whole }
  }

  /** Lines as they are written, from `from` on, until `ended` aborts and all has been read. */
  async *follow(from: number, ended: AbortSignal): AsyncGenerator<LogLine> {
    const reader = new LineReader()
    let at = from
    let rest = Buffer.alloc(0)
    for (;;) {
      const last = ended.aborted
      const size = await this.size()
      if (size < at) at = 0
      const bytes = await this.#read(at, Math.min(size, at + TAIL_BYTES_MAX))
      at += bytes.length
      const text = Buffer.concat([rest, bytes])
      const whole = text.lastIndexOf(NEWLINE) + 1
      rest = text.subarray(whole).subarray(0, LINE_CHARS_MAX)
      yield* reader.read(text.subarray(0, whole).toString().split('\n').slice(0, -1))
      if (last && at >= size) break
      if (at >= size) await sleep(FOLLOW_MS, undefined, { signal: ended }).catch(() => {})
    }
    if (rest.length > 0) yield* reader.read([rest.toString()])
  }

  async #read(start: number, end: number): Promise<Buffer> {
    const file = await open(this.#path).catch(nullIfAbsent)
    if (!file) return Buffer.alloc(0)
    try {
      const { buffer, bytesRead } = await file.read({
        buffer: Buffer.alloc(Math.max(0, end - start)),
        position: start,
      })
      return buffer.subarray(0, bytesRead)
    } finally {
      await file.close()
    }
  }
}

/**
 * Workers log JSON with a time on stdout. Whatever else is in the file, as the cry of a dying Node, came from stderr
 * and has the time of the line before it.
 */
class LineReader {
  #at = new Date()

  read(lines: readonly string[]): LogLine[] {
    return lines.map((text) => {
      const line = text.slice(0, LINE_CHARS_MAX)
      const at = timeOf(line)
      if (at) this.#at = at
      return { at: this.#at, stream: at ? 'stdout' : 'stderr', line }
    })
  }
}

function timeOf(line: string): Date | null {
  if (!line.startsWith('{')) return null
  try {
    const { time } = JSON.parse(line)
    if (typeof time !== 'number' && typeof time !== 'string') return null
    const at = new Date(time)
    return Number.isNaN(at.getTime()) ? null : at
  } catch {
    return null
  }
}

/** What a worker said last, in its own words. */
export function lastSaid(lines: readonly string[]): string {
  const last = lines.at(-1) ?? 'the worker ended without a word'
  try {
    const { msg } = JSON.parse(last)
    return typeof msg === 'string' ? msg : last
  } catch {
    return last
  }
}
