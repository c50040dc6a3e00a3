import { execFileSync } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Link, RemoteError } from '@db-forge/worker-kit/testing/link'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { temporaryFolder, WorkerProcess } from '../testing/worker-process.ts'
import {
  answersBeforeSync,
  type SystemCall,
  Trace,
  traceAbsence,
  walSyncs,
} from './system-calls.ts'

const INSERT = 'insert into t (id) values (?)'

let folder: ReturnType<typeof temporaryFolder>
let worker: WorkerProcess
let link: Link

beforeEach(() => {
  folder = temporaryFolder()
})
afterEach(async () => {
  await worker?.end('SIGKILL')
  folder.remove()
})

async function start(dir = folder.dir): Promise<void> {
  worker = await WorkerProcess.start(dir)
  link = await worker.sql()
}

async function startFilled(): Promise<void> {
  await start()
  await link.query('create table t (id integer, filling blob)')
  await link.query(INSERT, [0])
}

async function idsFound(): Promise<number[]> {
  const { rows } = await link.query('select id from t order by id', undefined, {
    rowFormat: 'array',
    maxRows: 100_000,
  })
  return rows.flat() as number[]
}

const codeOf = (error: unknown): string => {
  if (error instanceof RemoteError) return error.error.code
  throw error
}

/** Inserts one after the other: the ids that were acknowledged, and the codes of those that were not. */
async function insertEach(ids: readonly number[]) {
  const acknowledged: number[] = []
  const refused: { id: number; code: string }[] = []
  for (const id of ids)
    await link.query(INSERT, [id]).then(
      () => acknowledged.push(id),
      (error) => refused.push({ id, code: codeOf(error) }),
    )
  return { acknowledged, refused }
}

const numbers = (from: number, count: number) => Array.from({ length: count }, (_, at) => from + at)

test('an answer before the log is durable would be seen', () => {
  const call = (name: string, path: string, failed = false): SystemCall => ({ name, path, failed })
  const write = call('pwrite64', '/d/main.sqlite-wal')
  const sync = call('fsync', '/d/main.sqlite-wal')
  const answer = call('writev', 'socket:[1]')
  expect(answersBeforeSync([write, sync, answer, answer])).toBe(0)
  expect(answersBeforeSync([write, answer, sync])).toBe(1)
  expect(answersBeforeSync([write, call('fsync', '/d/main.sqlite'), answer])).toBe(1)
  expect(answersBeforeSync([write, call('fsync', sync.path, true), answer])).toBe(1)
})

const absence = await traceAbsence()
const name = 'what reaches the disk'
describe.skipIf(absence)(absence ? `${name}: skipped, since ${absence}` : name, () => {
  let trace: Trace | undefined
  const attach = async (...inject: string[]) => {
    trace = await Trace.attach(worker.child.pid ?? 0, inject)
  }
  const traced = async () => {
    const threads = (await trace?.end()) ?? []
    trace = undefined
    return threads
  }
  afterEach(traced)

  test('a single client: one sync of the log for each commit, and no answer before it', async () => {
    await startFilled()
    await attach()
    const { acknowledged } = await insertEach(numbers(1, 40))
    const threads = await traced()
    expect(acknowledged).toHaveLength(40)
    expect(walSyncs(threads)).toBe(40)
    expect(threads.map(answersBeforeSync).filter((answers) => answers > 0)).toEqual([])
  })

  test('64 clients at once share syncs, and none is answered before its own', async () => {
    await startFilled()
    const links = await Promise.all(numbers(0, 4).map(() => worker.sql()))
    await attach()
    await Promise.all(
      numbers(0, 64).map(async (client) => {
        for (const round of numbers(0, 8))
          await links[client % 4]?.query(INSERT, [1 + client * 8 + round])
      }),
    )
    const threads = await traced()
    expect(await idsFound()).toEqual(numbers(0, 1 + 64 * 8))
    expect(walSyncs(threads)).toBeGreaterThan(0)
    expect(walSyncs(threads)).toBeLessThan((64 * 8) / 4)
    expect(threads.map(answersBeforeSync).filter((answers) => answers > 0)).toEqual([])
  })

  test('a sync that fails is told; the worker goes on, and nothing acknowledged is lost', async () => {
    await startFilled()
    await attach('fsync,fdatasync:error=EIO:when=5')
    const { acknowledged, refused } = await insertEach(numbers(1, 20))
    await traced()
    expect(refused.map(({ code }) => code)).toEqual(['database.failed'])
    expect(acknowledged).toHaveLength(19)
    await worker.end('SIGKILL')
    await start()
    expectWhole(await idsFound(), acknowledged)
    expect(await integrity()).toEqual(['ok'])
  })

  test('the same with many clients, whose commit is shared', async () => {
    await startFilled()
    const links = await Promise.all(numbers(0, 4).map(() => worker.sql()))
    await attach('fsync,fdatasync:error=EIO:when=4+6')
    const acknowledged: number[] = []
    const codes = new Set<string>()
    await Promise.all(
      numbers(0, 16).map(async (client) => {
        for (const round of numbers(0, 10)) {
          const id = 1 + client * 10 + round
          await links[client % 4]?.query(INSERT, [id]).then(
            () => acknowledged.push(id),
            (error) => codes.add(codeOf(error)),
          )
        }
      }),
    )
    await traced()
    expect([...codes]).toEqual(['database.failed'])
    expect(acknowledged.length).toBeGreaterThan(0)
    expectWhole(await idsFound(), acknowledged)
    await worker.end('SIGKILL')
    await start()
    expectWhole(await idsFound(), acknowledged)
    expect(await integrity()).toEqual(['ok'])
  })

  test('a disk that is full while the log is written is told, and undoes that write alone', async () => {
    await startFilled()
    await attach('pwrite64:error=ENOSPC:when=7+10')
    const { acknowledged, refused } = await insertEach(numbers(1, 20))
    await traced()
    expect(new Set(refused.map(({ code }) => code))).toEqual(new Set(['quota.exceeded']))
    expect(await idsFound()).toEqual([0, ...acknowledged])
    await worker.end('SIGKILL')
    await start()
    expect(await idsFound()).toEqual([0, ...acknowledged])
    expect(await integrity()).toEqual(['ok'])
  })
})

/** Everything acknowledged is there, nothing twice. */
function expectWhole(found: readonly number[], acknowledged: readonly number[]): void {
  expect(new Set(found).size).toBe(found.length)
  const there = new Set(found)
  expect(acknowledged.filter((id) => !there.has(id))).toEqual([])
}

async function integrity(): Promise<unknown[]> {
  return (await link.query('pragma integrity_check', undefined, { rowFormat: 'array' })).rows.flat()
}

const mountAbsence = mountProblem()
const mountName = 'a small disk'
describe.skipIf(mountAbsence)(
  mountAbsence ? `${mountName}: skipped, since ${mountAbsence}` : mountName,
  () => {
    test('what does not fit fails with a code; deleting works once there is room again', async () => {
      mount(folder.dir)
      try {
        const ballast = join(folder.dir, 'ballast')
        writeFileSync(ballast, Buffer.alloc(2 * 2 ** 20))
        await startFilled()
        const fill = 'insert into t select ?, randomblob(20000)'
        const codes: string[] = []
        let stored = 0
        for (const id of numbers(1, 600)) {
          const code = await link.query(fill, [id]).then(() => undefined, codeOf)
          if (code) codes.push(code)
          else stored += 1
          if (codes.length === 3) break
        }
        expect(codes).toEqual(['disk.full', 'disk.full', 'disk.full'])
        rmSync(ballast)
        expect((await link.query('delete from t where id > 0')).rowsAffected).toBe(stored)
        await link.query(fill, [1])
        expect(await integrity()).toEqual(['ok'])
        await worker.end('SIGKILL')
        await start()
        expect(await idsFound()).toEqual([0, 1])
      } finally {
        await worker.end('SIGKILL')
        execFileSync('umount', [folder.dir])
      }
    })
  },
)

function mount(dir: string): void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'none', dir], { stdio: 'pipe' })
}

function mountProblem(): string | null {
  const probe = temporaryFolder()
  try {
    mount(probe.dir)
    execFileSync('umount', [probe.dir])
    return null
  } catch (error) {
    return `no file system can be mounted (${(error as Error).message.trim().split('\n').at(-1)})`
  } finally {
    probe.remove()
  }
}
