import { appendFile, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { WorkerLog } from './worker-log.ts'
import type { LogLine } from './worker-runtime.ts'

const time = Date.UTC(2026, 0, 1, 12)
const json = JSON.stringify({ time, msg: 'ready' })

async function logWith(text: string) {
  const folder = await mkdtemp(join(tmpdir(), 'dbf-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const path = join(folder, 'w.log')
  await writeFile(path, text)
  return { folder, path, log: new WorkerLog(path) }
}

async function followed(log: WorkerLog, from: number, ended: AbortSignal): Promise<LogLine[]> {
  const lines: LogLine[] = []
  for await (const line of log.follow(from, ended)) lines.push(line)
  return lines
}

test('what is no JSON with a time came from stderr, at the time of the line before', async () => {
  const { log } = await logWith(`${json}\nout of memory\n{"msg":"no time"}\n`)
  const at = new Date(time)
  expect((await log.tail(10)).lines).toEqual([
    { at, stream: 'stdout', line: json },
    { at, stream: 'stderr', line: 'out of memory' },
    { at, stream: 'stderr', line: '{"msg":"no time"}' },
  ])
})

test('a line that is being written is left to be followed', async () => {
  const { log, path } = await logWith('one\ntwo\nthr')
  const { lines, end } = await log.tail(1)
  expect(lines.map(({ line }) => line)).toEqual(['two'])
  const ended = new AbortController()
  const following = followed(log, end, ended.signal)
  await appendFile(path, 'ee é\nfour')
  ended.abort()
  expect((await following).map(({ line }) => line)).toEqual(['three é', 'four'])
})

test('of much output only the end is read', async () => {
  const { log } = await logWith(`${'x'.repeat(99)}\n`.repeat(30_000))
  const { lines, end } = await log.tail(1_000_000)
  expect(lines.length).toBeGreaterThan(10_000)
  expect(lines.length).toBeLessThan(11_000)
  expect(lines.every(({ line }) => line.length === 99)).toBe(true)
  expect(end).toBe(3_000_000)
})

test('what grew too long is put aside when the next worker starts, once', async () => {
  const { log, folder } = await logWith('x'.repeat(5 * 1024 * 1024))
  for (const _ of [1, 2]) {
    const file = await log.openForWorker()
    await file.write('new\n')
    await file.close()
  }
  expect((await readdir(folder)).sort()).toEqual(['w.log', 'w.log.1'])
  expect((await log.tail(10)).lines.map(({ line }) => line)).toEqual(['new', 'new'])
  await log.remove()
  expect(await readdir(folder)).toEqual([])
})

test('a log that is not there is empty', async () => {
  const log = new WorkerLog('/nonexistent/w.log')
  expect(await log.tail(10)).toEqual({ lines: [], end: 0 })
  expect(await followed(log, 0, AbortSignal.abort())).toEqual([])
})
