import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { DatabaseId, EngineName } from '@db-forge/contract'
import { DEADLINE_BYTES, FrameType, SOCKETS } from '@db-forge/contract/wire'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { DataLayout } from './data-layout.ts'
import { callWorker, parseJson } from './worker-line.ts'
import {
  type LogLine,
  type WorkerEvent,
  WorkerPresentError,
  type WorkerRuntime,
  type WorkerSpec,
  WorkerStartError,
} from './worker-runtime.ts'

/** What the suite needs besides the seam itself. */
export interface RuntimeUnderTest {
  readonly layout: DataLayout
  /** A runtime on the same workers, as a gateway that starts again makes one. */
  another(): WorkerRuntime
  /** Ends a worker as the kernel would, past the runtime. */
  killWorker(id: DatabaseId): Promise<void>
  /** Leaves nothing of the suite behind. */
  dispose(): Promise<void>
}

export function newTestId(): DatabaseId {
  return `db_${randomBytes(6).toString('hex')}`
}

export function testSpec(databaseId: DatabaseId, overrides: Partial<WorkerSpec> = {}): WorkerSpec {
  const { engine = 'sqlite' } = overrides
  const limits = { memoryMb: engine === 'sqlite' ? 64 : 192, cpus: 1, maxSizeMb: 64, pidsMax: null }
  return { databaseId, engine, generation: 1, limits, hash: 'spec-one', ...overrides }
}

export async function queryWorker(
  layout: DataLayout,
  id: DatabaseId,
  sql: string,
): Promise<unknown[][]> {
  const { line, welcome } = await callWorker(join(layout.runDir(id), SOCKETS.sql), id, 5000)
  try {
    const deadline = Buffer.alloc(DEADLINE_BYTES)
    deadline.writeDoubleBE(welcome.clockMs + 5000)
    const command = { sql, maxRows: 1000, readOnly: false, rowFormat: 'array' }
    const payload = Buffer.concat([deadline, Buffer.from(JSON.stringify(command))])
    const frame = await line.ask(FrameType.query, payload, 5000)
    const body = parseJson(frame) as { rows: unknown[][] }
    if (frame.type !== FrameType.result) throw new Error(JSON.stringify(body))
    return body.rows
  } finally {
    line.close()
  }
}

/** What does not change from one connection to the next. */
export async function workerIdentity(layout: DataLayout, id: DatabaseId) {
  const { line, welcome } = await callWorker(join(layout.runDir(id), SOCKETS.control), id, 5000)
  line.close()
  const { session: _session, clockMs: _clockMs, ...identity } = welcome
  return identity
}

/** Puts something in the place of the data that is none. */
async function spoil(dir: string, engine: EngineName): Promise<void> {
  await mkdir(engine === 'sqlite' ? join(dir, 'main.sqlite') : dir, { recursive: true })
  if (engine === 'postgres') await writeFile(join(dir, 'pgdata'), '')
}

/** The promises of the seam, which every runtime keeps. */
export function workerRuntimeContract(
  name: string,
  start: () => Promise<RuntimeUnderTest>,
  engine: EngineName = 'sqlite',
): void {
  const spec = (id: DatabaseId, overrides: Partial<WorkerSpec> = {}) =>
    testSpec(id, { engine, ...overrides })

  describe(name, () => {
    let under: RuntimeUnderTest
    let runtime: WorkerRuntime
    beforeAll(async () => {
      under = await start()
      runtime = under.another()
    })
    afterAll(async () => {
      await runtime?.close()
      await under?.dispose()
    })

    const query = (id: DatabaseId, sql: string) => queryWorker(under.layout, id, sql)
    const identity = (id: DatabaseId) => workerIdentity(under.layout, id)

    /** A database of this test alone, of which nothing stays. */
    function database(): DatabaseId {
      const id = newTestId()
      onTestFinished(async () => {
        await runtime.remove(id)
        await runtime.removeData(id)
      })
      return id
    }

    async function withNote(id: DatabaseId): Promise<void> {
      await runtime.ensure(spec(id))
      await query(id, 'create table note (text text)')
      await query(id, "insert into note values ('kept')")
    }

    function eventsOf(id: DatabaseId) {
      const seen: WorkerEvent['type'][] = []
      const end = new AbortController()
      runtime.watch((event) => {
        if (event.type !== 'gap' && event.databaseId === id) seen.push(event.type)
      }, end)
      onTestFinished(() => end.abort())
      return seen
    }

    test('ensure resolves once queries are answered', async () => {
      const id = database()
      const info = await runtime.ensure(spec(id))
      expect(await query(id, 'select 1')).toEqual([[1]])
      expect(info).toEqual({
        databaseId: id,
        specHash: 'spec-one',
        runDir: under.layout.runDir(id),
        state: { status: 'running', since: expect.any(Date) },
      })
      expect(await runtime.inspect(id)).toEqual(info)
    })

    test('ensure with an equal spec leaves the worker alone', async () => {
      const id = database()
      await runtime.ensure(spec(id))
      const before = await identity(id)
      await runtime.ensure(spec(id))
      expect(await identity(id)).toEqual(before)
    })

    test('ensure many times at once makes one worker', async () => {
      const id = database()
      await Promise.all(Array.from({ length: 5 }, () => runtime.ensure(spec(id))))
      expect((await runtime.list()).filter(({ databaseId }) => databaseId === id)).toHaveLength(1)
      expect(await query(id, 'select 1')).toEqual([[1]])
    })

    test('another spec replaces the worker and keeps its data', async () => {
      const id = database()
      await withNote(id)
      const before = await identity(id)
      const info = await runtime.ensure(spec(id, { hash: 'spec-two' }))
      const after = await identity(id)
      expect(info.specHash).toBe('spec-two')
      expect(after.specHash).toBe('spec-two')
      expect(after.workerId).not.toBe(before.workerId)
      expect(await query(id, 'select text from note')).toEqual([['kept']])
    })

    test('a stopped worker is still there, and starts again with its data', async () => {
      const id = database()
      await withNote(id)
      await runtime.stop(id)
      expect((await runtime.inspect(id))?.state).toMatchObject({
        status: 'exited',
        oomKilled: false,
      })
      await expect(query(id, 'select 1')).rejects.toThrow()
      await runtime.stop(id)
      await runtime.ensure(spec(id))
      expect(await query(id, 'select text from note')).toEqual([['kept']])
    })

    test('removing a worker leaves its data', async () => {
      const id = database()
      await withNote(id)
      await runtime.remove(id)
      expect(await runtime.inspect(id)).toBeNull()
      await expect(query(id, 'select 1')).rejects.toThrow()
      await runtime.ensure(spec(id))
      expect(await query(id, 'select text from note')).toEqual([['kept']])
    })

    test('data is not removed while there is a worker, running or not', async () => {
      const id = database()
      await withNote(id)
      await expect(runtime.removeData(id)).rejects.toThrow(WorkerPresentError)
      await runtime.stop(id)
      await expect(runtime.removeData(id)).rejects.toThrow(WorkerPresentError)
      await runtime.ensure(spec(id))
      expect(await query(id, 'select text from note')).toEqual([['kept']])
      await runtime.remove(id)
      await runtime.removeData(id)
      expect(existsSync(under.layout.databaseDir(id))).toBe(false)
    })

    test('stopping, removing and reading what is not there succeeds', async () => {
      const id = newTestId()
      await runtime.stop(id)
      await runtime.remove(id)
      await runtime.removeData(id)
      expect(await runtime.inspect(id)).toBeNull()
      expect(await runtime.usage(id)).toBeNull()
      expect(await logsOf(runtime, id, { follow: true, tail: 10 })).toEqual([])
    })

    test('an id that is none never becomes a path', async () => {
      const id = '../../meta'
      await expect(runtime.ensure(spec(id))).rejects.toThrow()
      await expect(runtime.inspect(id)).rejects.toThrow()
      await expect(runtime.stop(id)).rejects.toThrow()
      await expect(runtime.remove(id)).rejects.toThrow()
      await expect(runtime.removeData(id)).rejects.toThrow()
    })

    test('a killed worker is reported within a second, and ensure brings it back', async () => {
      const id = database()
      await withNote(id)
      const seen = eventsOf(id)
      await under.killWorker(id)
      await expect.poll(() => seen, { timeout: 1000, interval: 10 }).toContain('exited')
      expect((await runtime.inspect(id))?.state.status).toBe('exited')
      await runtime.ensure(spec(id))
      expect(await query(id, 'select text from note')).toEqual([['kept']])
    })

    test('start and removal are reported', async () => {
      const id = database()
      const seen = eventsOf(id)
      await runtime.ensure(spec(id))
      await expect.poll(() => seen).toContain('started')
      await runtime.remove(id)
      await expect.poll(() => seen).toContain('removed')
    })

    test('list shows each worker, running or not', async () => {
      const [running, stopped] = [database(), database()]
      await Promise.all([running, stopped].map((id) => runtime.ensure(spec(id))))
      await runtime.stop(stopped)
      const states = new Map(
        (await runtime.list()).map(({ databaseId, state }) => [databaseId, state.status]),
      )
      expect(states.get(running)).toBe('running')
      expect(states.get(stopped)).toBe('exited')
    })

    test('the runtime of the next gateway finds what runs, reports its end, and ends it', async () => {
      const [kept, killed] = [database(), database()]
      await Promise.all([withNote(kept), runtime.ensure(spec(killed))])
      const before = await identity(kept)
      const next = under.another()
      const ids = (await next.list()).map(({ databaseId }) => databaseId)
      expect(ids).toEqual(expect.arrayContaining([kept, killed]))
      await next.ensure(spec(kept))
      expect(await identity(kept)).toEqual(before)

      const seen: WorkerEvent[] = []
      const end = new AbortController()
      onTestFinished(() => end.abort())
      next.watch((event) => seen.push(event), end)
      await under.killWorker(killed)
      const exit = { type: 'exited', databaseId: killed }
      await expect.poll(() => seen, { timeout: 1000, interval: 10 }).toContainEqual(exit)
      expect((await next.inspect(killed))?.state.status).toBe('exited')

      await next.stop(kept)
      expect((await next.inspect(kept))?.state.status).toBe('exited')
      await expect.poll(async () => (await runtime.inspect(kept))?.state.status).toBe('exited')
    })

    test('a worker that cannot start says why and leaves nothing running', async () => {
      const id = database()
      await spoil(under.layout.databaseDir(id), engine)
      const failure = await runtime.ensure(spec(id)).catch((error) => error)
      expect(failure).toBeInstanceOf(WorkerStartError)
      expect(failure.logTail.length).toBeGreaterThan(0)
      expect((await runtime.inspect(id))?.state.status).not.toBe('running')
    })

    test('logs: the last lines, with their time', async () => {
      const id = database()
      const before = Date.now()
      await runtime.ensure(spec(id))
      await runtime.stop(id)
      const all = await logsOf(runtime, id, { follow: false, tail: 1000 })
      expect(all.length).toBeGreaterThan(1)
      expect(all[0]?.at.getTime()).toBeGreaterThanOrEqual(before - 1000)
      expect(all[0]?.at.getTime()).toBeLessThanOrEqual(Date.now() + 1000)
      expect(await logsOf(runtime, id, { follow: false, tail: 1 })).toEqual(all.slice(-1))
      expect(await logsOf(runtime, id, { follow: false, tail: 0 })).toEqual([])
    })

    test('followed logs go on until the worker ends', async () => {
      const id = database()
      await runtime.ensure(spec(id))
      const followed = logsOf(runtime, id, { follow: true, tail: 1000 })
      await runtime.stop(id)
      expect(await followed).toEqual(await logsOf(runtime, id, { follow: false, tail: 1000 }))
    })

    test('followed logs end when the reader has enough', async () => {
      const id = database()
      await runtime.ensure(spec(id))
      const enough = new AbortController()
      const followed = logsOf(runtime, id, { follow: true, tail: 10, signal: enough.signal })
      setTimeout(() => enough.abort(), 200)
      expect((await followed).length).toBeGreaterThan(0)
    })

    test('usage is that of a small process, and null once it is stopped', async () => {
      const id = database()
      await runtime.ensure(spec(id))
      const usage = await runtime.usage(id)
      expect(usage?.cpuSeconds).toBeGreaterThan(0)
      expect(usage?.cpuSeconds).toBeLessThan(60)
      expect(usage?.memoryBytes).toBeGreaterThan(5e6)
      expect(usage?.memoryBytes).toBeLessThan(200e6)
      await runtime.stop(id)
      expect(await runtime.usage(id)).toBeNull()
    })

    test('different databases are worked on at the same time', async () => {
      const ids = Array.from({ length: 6 }, database)
      await Promise.all(ids.map((id) => runtime.ensure(spec(id))))
      const answers = ids.map((id) => query(id, `select '${id}'`))
      expect(await Promise.all(answers)).toEqual(ids.map((id) => [[id]]))
    })

    test('who has given up is not waited for', async () => {
      const id = database()
      const signal = AbortSignal.abort(new Error('given up'))
      await expect(runtime.ensure(spec(id), { signal })).rejects.toThrow('given up')
    })

    test('ping answers', async () => {
      await runtime.ping()
    })
  })
}

async function logsOf(
  runtime: WorkerRuntime,
  id: DatabaseId,
  opts: Parameters<WorkerRuntime['logs']>[1],
): Promise<LogLine[]> {
  const lines: LogLine[] = []
  for await (const line of runtime.logs(id, opts)) lines.push(line)
  return lines
}
