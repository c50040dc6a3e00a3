import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { temporaryFolder } from '../testing/worker-process.ts'
import { shapeOf } from './sqlite-columns.ts'
import { interruptOnce, interruptRequest } from './sqlite-interrupt.ts'
import { openDatabase } from './sqlite-open.ts'

const ENGINE = new URL('../../dist/engine/sqlite.js', import.meta.url).href
const REQUESTS = 500

const ENDLESS =
  'with recursive c(x) as (select 1 union all select x + 1 from c) select count(*) from c'
const KINDS = [
  ENDLESS,
  "insert into t (v) values ('x')",
  'select count(*) as n from t',
  'select sum(a.id * b.id) as n from (select id from t limit 300) a, (select id from t limit 300) b',
  'with recursive c(x) as (select 1 union all select x + 1 from c limit 20000) select max(x) as n from (select x from c order by random())',
]

/** A thread with the engine: runs request after request and tells how each went. */
const SOURCE = `
  const { parentPort, workerData } = require('node:worker_threads')
  const { engine: file, path, kinds, requests, shared } = workerData
  void import(file).then(({ SqliteEngine }) => {
  const engine = new SqliteEngine({ path, maxSizeMb: 64, memoryMb: 64, role: 'writer' })
  const current = new Int32Array(shared)
  const run = (request, sql) => {
    let code
    engine.queries([{
      command: { sql, maxRows: 10, readOnly: false, rowFormat: 'object' },
      begin(on) {
        on.begin(request)
        Atomics.store(current, 0, request)
        return true
      },
      end: (on) => on.end(),
      succeed: () => { code = 'ok' },
      fail: (error) => { code = error.code },
    }])
    return code
  }
  run(0, 'create table t (id integer primary key, v text)')
  run(0, 'with recursive c(x) as (select 1 union all select x + 1 from c limit 1000) insert into t select x, x from c')
  parentPort.postMessage({ connection: engine.connection })
  for (let request = 1; request <= requests; request += 1)
    parentPort.postMessage({ request, code: run(request, kinds[request % kinds.length]) })
  engine.close()
  parentPort.postMessage({ closed: true }) })`

interface Told {
  readonly connection?: number
  readonly request?: number
  readonly code?: string
  readonly closed?: true
}

let folder: ReturnType<typeof temporaryFolder>
beforeEach(() => {
  folder = temporaryFolder()
})
afterEach(() => folder.remove())

describe('an interrupt from another thread', () => {
  test('ends the request that is meant and no other, however late or early it comes', async () => {
    const shared = new SharedArrayBuffer(4)
    const workerData = {
      engine: ENGINE,
      path: join(folder.dir, 'main.sqlite'),
      kinds: KINDS,
      requests: REQUESTS,
      shared,
    }
    const thread = new Worker(SOURCE, { workerData, eval: true })
    const codes = new Map<number, string>()
    let connection = 0
    const closed = new Promise<void>((resolve, reject) => {
      thread.on('error', reject)
      thread.on('message', (told: Told) => {
        if (told.connection) connection = told.connection
        if (told.request) codes.set(told.request, told.code ?? '')
        if (told.closed) resolve()
      })
    })
    const hit = new Set<number>()
    /** Whether or not it meets the request while that runs: only then may the request fail. */
    const aim = (request: number) => {
      const runs = !interruptOnce(connection, request)
      if (runs) hit.add(request)
    }
    const current = new Int32Array(shared)
    let seen = 0
    let broken: unknown
    closed.catch((error: unknown) => {
      broken = error
    })
    while (seen < REQUESTS && !broken) {
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 3))
      seen = Atomics.load(current, 0)
      if (seen === 0) continue
      for (const request of [seen - 1, seen + 1, seen + 2, REQUESTS + 1]) aim(request)
      if (seen % KINDS.length === 0) {
        hit.add(seen)
        expect(await interruptRequest(connection, seen, 5000)).toBe(true)
      } else if (Math.random() < 0.3) aim(seen)
    }
    await closed
    expect(codes.size).toBe(REQUESTS)
    const failed = [...codes].filter(([, code]) => code !== 'ok')
    expect(
      failed.filter(([request, code]) => code !== 'query.timeout' || !hit.has(request)),
    ).toEqual([])
    expect(failed.length).toBeGreaterThanOrEqual(REQUESTS / KINDS.length)
    expect(interruptOnce(connection, REQUESTS)).toBe(true)
    await thread.terminate()
  }, 60_000)

  test('undoes what a statement that writes had written before its rows were read', () => {
    const path = join(folder.dir, 'main.sqlite')
    const { db, guard } = openDatabase({ path, maxSizeMb: 64, memoryMb: 64, role: 'writer' })
    db.exec('create table t (v)')
    guard.begin(1)
    const insert = guard.prepare("insert into t values ('a'), ('b') returning v", 'tenant', shapeOf)
    const limits = { rowsMax: -1, bytesMax: 1e9, rowBytesMax: 1e9 }
    insert.open([], { rowFormat: 'array', format: 'ndjson', ...limits })
    const columns = insert.part(1)
    expect([columns, insert.part(1).rows]).toEqual([{ ...columns, rows: 0, last: false }, 1])
    expect(interruptOnce(guard.connection, 1)).toBe(false)
    expect(() => insert.part(1)).toThrow('interrupted')
    guard.end()
    expect(db.prepare('select count(*) from t').pluck().get()).toBe(0n)
    guard.close()
    db.close()
  })
})
