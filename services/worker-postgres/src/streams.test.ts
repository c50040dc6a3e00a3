import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { failure } from './testing/failure.ts'
import { sharedWorker } from './testing/shared-worker.ts'
import { unavailable } from './testing/worker-process.ts'

describe.skipIf(unavailable())('streams', () => {
  const db = sharedWorker()

  test('ndjson: columns, groups of rows, the end', async () => {
    const stream = db.link.stream('select i, i::text t from generate_series(1, 3) i', {
      rowFormat: 'array',
    })
    expect(await stream.end()).toMatchObject({ rowsAffected: 0, truncated: false })
    expect(stream.columns).toMatchObject([{ name: 'i' }, { name: 't' }])
    expect(stream.text).toBe('{"rows":[[1,"1"],[2,"2"],[3,"3"]]}\n')
    expect(stream.rows).toBe(3)
  })

  test('csv: a head, quotes where they are needed, null and empty text told apart', async () => {
    const sql = `select 1 as "a,b", 'x"y' as t, null::text as n, '' as e, '\\x00ff'::bytea as b, true as l, E'1\\n2' as m`
    const stream = db.link.stream(sql, { format: 'csv' })
    await stream.end()
    expect(stream.text).toBe('"a,b",t,n,e,b,l,m\r\n1,"x""y",,"",AP8=,true,"1\n2"\r\n')
    const empty = db.link.stream('select 1 as a where false', { format: 'csv' })
    await empty.end()
    expect([empty.text, empty.rows]).toEqual(['a\r\n', 0])
  })

  test('no more than was asked for', async () => {
    const stream = db.link.stream('select generate_series(1, 100)', { maxRows: 7 })
    expect(await stream.end()).toMatchObject({ truncated: true })
    expect(stream.rows).toBe(7)
  })

  test('a million rows, each once, with flat memory', async () => {
    const before = residentBytes(db.worker.child.pid)
    const stream = db.link.stream('select i, md5(i::text) m from generate_series(1, 1000000) i', {
      credit: 300_000,
      timeoutMs: 60_000,
    })
    let given = 300_000
    const feeding = setInterval(() => {
      if (given - stream.bytes > 200_000) return
      stream.credit(400_000)
      given += 400_000
    }, 1)
    await stream.end()
    clearInterval(feeding)
    expect(stream.rows).toBe(1_000_000)
    expect(stream.bytes).toBeLessThan(given + 100_000)
    expect(residentBytes(db.worker.child.pid) - before).toBeLessThan(40e6)
  })

  test('without credit it stands still, and others go on', async () => {
    const stream = db.link.stream("select repeat('x', 1000) from generate_series(1, 5000)", {
      credit: 100_000,
    })
    await sleep(300)
    const { bytes } = stream
    expect(bytes).toBeLessThan(300_000)
    expect(await db.value('select 1')).toBe(1)
    await sleep(100)
    expect(stream.bytes).toBe(bytes)
    stream.credit(10_000_000)
    await stream.end()
    expect(stream.rows).toBe(5000)
  })

  test('one that stands still can be cancelled, and ends at its deadline', async () => {
    const sql = "select repeat('x', 1000) from generate_series(1, 100000)"
    const cancelled = db.link.stream(sql, { credit: 1000 })
    await sleep(100)
    cancelled.cancel()
    expect((await failure(cancelled.end())).code).toBe('query.cancelled')
    const late = db.link.stream(sql, { credit: 1000, timeoutMs: 300 })
    expect((await failure(late.end())).code).toBe('query.timeout')
  })

  test('a failure in the midst ends it', async () => {
    const stream = db.link.stream('select 1 / (500 - i) from generate_series(1, 1000) i')
    expect((await failure(stream.end())).sqlCode).toBe('22012')
  })

  test('a statement that writes is streamed too', async () => {
    await db.link.query('create table w (i int)')
    const stream = db.link.stream('insert into w select generate_series(1, 10) returning i')
    expect(await stream.end()).toMatchObject({ rowsAffected: 10 })
    expect(stream.rows).toBe(10)
  })

  test('there are only so many at once', async () => {
    const sql = "select repeat('x', 1000) from generate_series(1, 5000)"
    const streams = Array.from({ length: 5 }, () => db.link.stream(sql, { credit: 1000 }))
    expect((await failure(streams[4]?.end() ?? Promise.resolve())).code).toBe('database.busy')
    for (const stream of streams) stream.cancel()
    await Promise.allSettled(streams.map((stream) => stream.end()))
    const after = db.link.stream('select 1')
    await after.end()
    expect(after.rows).toBe(1)
  })
})

const residentBytes = (pid: number | undefined): number =>
  Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * 4096
