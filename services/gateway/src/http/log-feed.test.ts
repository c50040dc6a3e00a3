import { setTimeout as sleep } from 'node:timers/promises'
import type { LogLine } from '@db-forge/contract'
import { afterEach, expect, test, vi } from 'vitest'
import { LogFeed, type LogReader } from './log-feed.ts'

const line = (n: number): LogLine => ({
  at: new Date(n).toISOString(),
  stream: 'stdout',
  line: `line ${n}`,
})
const lines = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, at) => line(from + at))

class Reader implements LogReader {
  ready = true
  readonly got: string[] = []
  dropped = 0
  isReady(): boolean {
    return this.ready
  }
  send(batch: LogLine[], dropped: number): void {
    this.got.push(...batch.map((each) => each.line))
    this.dropped += dropped
  }
}

/** A log that a test writes, and whose worker ends when it says so. */
class Log {
  follows = 0
  readonly #written: LogLine[] = []
  #ended = false
  write(...more: LogLine[]): void {
    this.#written.push(...more)
  }
  end(): void {
    this.#ended = true
  }
  async *follow(signal: AbortSignal): AsyncIterable<LogLine> {
    this.follows += 1
    this.#ended = false
    for (let at = 0; !signal.aborted; ) {
      while (at < this.#written.length) yield this.#written[at++] as LogLine
      if (this.#ended) return
      await sleep(5)
    }
  }
}

const feeds: LogFeed[] = []
afterEach(() => {
  for (const feed of feeds.splice(0)) feed.close()
})
function open(log: Log): LogFeed {
  const feed = new LogFeed(
    (signal) => log.follow(signal),
    () => expect.fail('the log broke off'),
  )
  feeds.push(feed)
  return feed
}

test('all readers get all lines, and one that comes later begins with the last of them', async () => {
  const log = new Log()
  log.write(...lines(1, 500))
  const feed = open(log)
  const first = new Reader()
  feed.add(first)
  await vi.waitFor(() => expect(first.got).toHaveLength(500))
  const second = new Reader()
  feed.add(second)
  log.write(line(501))
  await vi.waitFor(() => expect(first.got.at(-1)).toBe('line 501'))
  await vi.waitFor(() => expect(second.got.at(-1)).toBe('line 501'))
  expect(second.got.length).toBeGreaterThanOrEqual(200)
  expect(second.got.length).toBeLessThanOrEqual(401)
  expect(log.follows).toBe(1)
})

test('a reader that is slow keeps the newest lines and learns how many it missed', async () => {
  const log = new Log()
  const feed = open(log)
  const [slow, quick] = [new Reader(), new Reader()]
  slow.ready = false
  feed.add(slow)
  feed.add(quick)
  log.write(...lines(1, 2500))
  await vi.waitFor(() => expect(quick.got.length + quick.dropped).toBe(2500))
  slow.ready = true
  await vi.waitFor(() => expect(slow.got).toHaveLength(1000))
  expect(slow.dropped).toBe(1500)
  expect(slow.got.at(0)).toBe('line 1501')
  expect(slow.got.at(-1)).toBe('line 2500')
})

test('a log that goes on with another worker is followed again without what was read before', async () => {
  const log = new Log()
  log.write(...lines(1, 3))
  const feed = open(log)
  const reader = new Reader()
  feed.add(reader)
  await vi.waitFor(() => expect(reader.got).toHaveLength(3))
  log.end()
  await sleep(30)
  expect(log.follows).toBe(1)
  log.write(...lines(4, 5))
  feed.followAgain()
  await vi.waitFor(() => expect(reader.got).toHaveLength(5))
  expect(reader.got).toEqual(lines(1, 5).map((each) => each.line))
})

test('nobody is told anything after the end', async () => {
  const log = new Log()
  const feed = open(log)
  const reader = new Reader()
  feed.add(reader)
  feed.remove(reader)
  log.write(line(1))
  await sleep(250)
  expect(reader.got).toEqual([])
  feed.add(reader)
  feed.close()
  log.write(line(2))
  await sleep(250)
  expect(reader.got).not.toContain('line 2')
})
