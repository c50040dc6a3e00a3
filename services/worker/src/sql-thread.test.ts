import { once } from 'node:events'
import { existsSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { Link } from '@db-forge/worker-kit/testing/link'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { folderAt } from './folder.ts'
import type { FromSqlThread, SqlThreadData } from './sql-thread-messages.ts'
import { DATABASE_ID, temporaryFolder } from './testing/worker-process.ts'
import { WorkerState } from './worker-state.ts'

const THREAD = new URL('../dist/sql-thread.js', import.meta.url)
const IDLE_MS_MAX = 400

let dir: ReturnType<typeof temporaryFolder>
let threads: Worker[]
let state: WorkerState
beforeEach(() => {
  dir = temporaryFolder()
  threads = []
  state = new WorkerState()
  state.maxSizeMb = 64
  mkdirSync(dirname(folderAt(dir.dir).lock), { recursive: true })
})
afterEach(async () => {
  await Promise.all(threads.map((thread) => thread.terminate()))
  dir.remove()
})

/** A lane of its own, without a control thread. */
async function openLane(lane: number): Promise<{ thread: Worker; said: string[]; link: Link }> {
  const folder = folderAt(dir.dir)
  const workerData: SqlThreadData = {
    shared: state.shared,
    lane,
    databasePath: folder.database,
    socketPath: folder.laneSocket(lane),
    identity: { databaseId: DATABASE_ID, workerId: 'w', specHash: 'h' },
    memoryMb: 64,
    idleMsMax: lane > 1 ? IDLE_MS_MAX : null,
  }
  const thread = new Worker(THREAD, { workerData })
  threads.push(thread)
  const said: string[] = []
  thread.on('message', ({ type }: FromSqlThread) => said.push(type))
  thread.postMessage({ type: 'open' })
  await expect.poll(() => said).toContain('ready')
  return { thread, said, link: await Link.open(workerData.socketPath, DATABASE_ID) }
}

describe('a lane', () => {
  test('that is a further reader ends after a time without a request, and not while something is open', async () => {
    const writer = await openLane(0)
    await writer.link.query('create table t (a)')
    const { said, link, thread } = await openLane(2)
    const transaction = await link.begin('read', { idleMs: 60_000 })
    await sleep(3 * IDLE_MS_MAX)
    expect((await link.query('select 1 as one', [], { transaction })).rows).toEqual([{ one: 1 }])
    await link.commit(transaction)
    const exited = once(thread, 'exit')
    const closed = once(link.socket, 'close')
    await Promise.all([exited, closed])
    expect(said).toContain('stopped')
    expect(existsSync(folderAt(dir.dir).laneSocket(2))).toBe(false)
    expect((await writer.link.query('select 1 as one')).rows).toEqual([{ one: 1 }])
    const again = await openLane(2)
    expect((await again.link.query('select count(*) as n from t')).rows).toEqual([{ n: 0 }])
  })

  test('is asked for to be watched once, when something begins', async () => {
    const { said, link } = await openLane(0)
    state.watched = true
    await link.query('select 1')
    expect(said).not.toContain('busy')
    state.watched = false
    await link.query('select 1')
    await expect.poll(() => said).toContain('busy')
  })

  test('begins nothing once the worker stops', async () => {
    const { thread, said, link } = await openLane(0)
    state.stop()
    const asked = link.query('create table t (a)').catch((error: unknown) => String(error))
    thread.postMessage({ type: 'stop' })
    expect(await asked).toContain('closed')
    await expect.poll(() => said).toContain('stopped')
  })
})
