import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import {
  encodeFrame,
  encodeTimedFrame,
  FrameType,
  PROTOCOL_VERSION,
} from '@db-forge/contract/wire/frame'
import { type Link, LinkClosed } from '@db-forge/worker-kit/testing/link'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { folderAt } from './folder.ts'
import { DATABASE_ID, temporaryFolder, WorkerProcess } from './testing/worker-process.ts'

const folder = temporaryFolder()
const { controlSocket, sqlSocket } = folderAt(folder.dir)
let worker: WorkerProcess
let sql: Link

beforeAll(async () => {
  worker = await WorkerProcess.start(folder.dir)
  sql = await worker.sql()
  await sql.query('create table kv (id integer primary key, v text)')
  await sql.query("insert into kv values (1, 'one')")
})
afterAll(async () => {
  await worker.end('SIGKILL')
  folder.remove()
})

const hello = (fields: object = {}) => ({
  protocol: PROTOCOL_VERSION,
  databaseId: DATABASE_ID,
  ...fields,
})
const closed = (link: Link) => link.socket.destroyed || once(link.socket, 'close')

describe('requests', () => {
  test('many at once are each answered, in order of execution', async () => {
    const order: number[] = []
    const answers = await Promise.all(
      Array.from({ length: 2000 }, async (_, at) => {
        const { rows } = await sql.query('select ? as at, v from kv where id = ?', [at, 1])
        order.push(at)
        return rows[0]
      }),
    )
    expect(answers).toEqual(Array.from({ length: 2000 }, (_, at) => ({ at, v: 'one' })))
    expect(order).toEqual(Array.from({ length: 2000 }, (_, at) => at))
  })

  test('arriving byte by byte are understood', async () => {
    const socket = connect(sqlSocket)
    const bytes = Buffer.concat([
      encodeFrame(FrameType.hello, 0, JSON.stringify(hello())),
      encodeTimedFrame(FrameType.describe, 7, 1e15, JSON.stringify({ counts: true })),
    ])
    for (const byte of bytes) {
      socket.write(Buffer.of(byte))
      await new Promise((resolve) => setImmediate(resolve))
    }
    let received = ''
    while (!received.includes('"tables"')) received += (await once(socket, 'data'))[0]
    socket.destroy()
  })

  test('of an unknown type are refused on both sockets', async () => {
    const control = await worker.control()
    for (const link of [sql, control]) {
      const frame = await link.send(77 as FrameType, '{}')
      expect(JSON.parse(Buffer.from(frame.payload).toString()).code).toBe('request.invalid')
    }
    await expect(control.query('select 1')).rejects.toThrow('not understood')
  })

  test('whose table is absent get table.not_found', async () => {
    await expect(sql.describe({ table: 'nope' })).rejects.toThrow('table.not_found')
  })
})

describe('hostile peers', () => {
  test('a frame beyond all measure ends its connection and no other', async () => {
    const link = await worker.sql()
    link.socket.write(Buffer.from([0xff, 0xff, 0xff, 0xff, 10, 0, 0, 0, 1]))
    await closed(link)
    expect((await sql.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  })

  test('a request beyond the limit is refused alone, before it has arrived', async () => {
    const large = sql
      .query('select ?', ['x'.repeat(5 * 1024 * 1024)])
      .catch((error: unknown) => error)
    const small = sql.query('select 1 as one')
    expect(await large).toMatchObject({ error: { code: 'request.too_large' } })
    expect((await small).rows).toEqual([{ one: 1 }])
  })

  test('any bytes at all leave the worker alive', async () => {
    for (let round = 0; round < 100; round += 1) {
      const socket = connect(round % 2 ? sqlSocket : controlSocket)
      socket.on('error', () => undefined)
      if (round % 4 < 2) socket.write(encodeFrame(FrameType.hello, 0, JSON.stringify(hello())))
      socket.write(randomBytes(1 + ((round * 37) % 4000)))
      setTimeout(() => socket.destroy(), round % 7)
    }
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect((await sql.query('select 1 as one')).rows).toEqual([{ one: 1 }])
    expect((await (await worker.control()).health()).status).toBe('ok')
  })

  test('a peer that asks much and reads nothing costs little memory and stops nobody', async () => {
    const control = await worker.control()
    const before = (await control.health()).memoryBytes
    const greedy = await worker.sql()
    greedy.socket.pause()
    const large =
      "with recursive c(x) as (select 1 union all select x + 1 from c limit 3000) select printf('%.*c', 1000, 'x') as v from c"
    const answers = Array.from({ length: 200 }, () => greedy.query(large, [], { maxRows: 3000 }))
    const settled = Promise.allSettled(answers)
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect((await sql.query('select 1 as one')).rows).toEqual([{ one: 1 }])
    expect((await control.health()).memoryBytes - before).toBeLessThan(32 * 1024 * 1024)
    greedy.close()
    const [first] = await settled
    expect(first?.status === 'rejected' && first.reason).toBeInstanceOf(LinkClosed)
  })

  test('a peer that comes back to its answers gets them all', async () => {
    const patient = await worker.sql()
    patient.socket.pause()
    const large =
      "with recursive c(x) as (select ? union all select x + 1 from c limit 2000) select x, printf('%.*c', 200, 'x') as v from c"
    const answers = Array.from({ length: 40 }, (_, at) =>
      patient.query(large, [at * 10_000], { maxRows: 3000 }),
    )
    await new Promise((resolve) => setTimeout(resolve, 200))
    patient.socket.resume()
    const results = await Promise.all(answers)
    expect(results.map(({ rows }) => (rows.at(-1) as { x?: number }).x)).toEqual(
      Array.from({ length: 40 }, (_, at) => at * 10_000 + 1999),
    )
    patient.close()
  })
})
