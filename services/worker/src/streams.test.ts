import { setTimeout as sleep } from 'node:timers/promises'
import { codeOf, type Link, Redirected } from '@db-forge/worker-kit/testing/link'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { temporaryFolder, WorkerProcess } from './testing/worker-process.ts'

const ROWS = 200_000
const ALL = "select x as id, printf('%08d', x) as v from n"

const folder = temporaryFolder()
let worker: WorkerProcess
let control: Link
let writer: Link
let reader: Link

beforeAll(async () => {
  worker = await WorkerProcess.start(folder.dir)
  control = await worker.control()
  writer = await worker.sql()
  reader = await worker.reader()
  await writer.query('create table n (x integer primary key)')
  await writer.query(
    `insert into n with recursive c(x) as (select 1 union all select x + 1 from c limit ${ROWS}) select x from c`,
  )
})
afterAll(async () => {
  await worker.end('SIGKILL')
  folder.remove()
})

describe('a stream', () => {
  test('of many rows leaves the memory as it is', async () => {
    await reader.stream(ALL, { credit: 1e9 }).end()
    const before = (await control.health()).memoryBytes
    for (let round = 0; round < 3; round += 1) {
      const stream = reader.stream(`${ALL} union all ${ALL}`, { credit: 1e9 })
      await stream.end()
      expect(stream.rows).toBe(2 * ROWS)
    }
    expect((await control.health()).memoryBytes - before).toBeLessThan(8 * 1024 * 1024)
  })

  test('is no obstacle for short reads in its lane, nor for other streams', async () => {
    const streams = [1, 2, 3].map(() => reader.stream(ALL, { credit: 1e9 }))
    let ended = 0
    const all = Promise.all(
      streams.map(async (stream) => {
        await stream.end()
        ended += 1
      }),
    )
    let between = 0
    while (ended === 0) {
      await reader.query('select 1')
      if (streams.every(({ rows }) => rows > 0) && ended === 0) between += 1
    }
    await all
    expect(between).toBeGreaterThan(5)
    expect(streams.map(({ rows }) => rows)).toEqual([ROWS, ROWS, ROWS])
  })

  test('to a peer that does not read takes little memory and stops nobody', async () => {
    const before = (await control.health()).memoryBytes
    const lazy = await worker.reader()
    lazy.socket.pause()
    const stream = lazy.stream(ALL, { credit: 1e9 })
    await sleep(200)
    expect((await reader.query('select 1 as one')).rows).toEqual([{ one: 1 }])
    expect((await control.health()).memoryBytes - before).toBeLessThan(8 * 1024 * 1024)
    lazy.socket.resume()
    await stream.end()
    expect(stream.rows).toBe(ROWS)
    lazy.close()
  })

  test('that writes is sent back by a reader and runs on the writer', async () => {
    const sql = 'insert into n values (-1), (-2) returning x'
    await expect(reader.stream(sql).end()).rejects.toThrow(Redirected)
    const stream = writer.stream(sql)
    expect(await stream.end()).toMatchObject({ rowsAffected: 2, truncated: false })
    expect(stream.rows).toBe(2)
    await expect(writer.stream('select 1', { guess: true }).end()).rejects.toThrow(Redirected)
    await writer.query('delete from n where x < 0')
  })

  test('whose statement is wrong says so', async () => {
    expect(await codeOf(reader.stream('select nothing from n').end())).toBe('sql.error')
    expect(await codeOf(reader.stream('select abs(-9223372036854775808)').end())).toBe('sql.error')
  })
})
