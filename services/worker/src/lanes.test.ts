import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { encodeFrame, encodeTimedFrame, type Frame, FrameType } from '@db-forge/contract/wire/frame'
import { codeOf, type Link, Redirected } from '@db-forge/worker-kit/testing/link'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { folderAt } from './folder.ts'
import { temporaryFolder, WorkerProcess } from './testing/worker-process.ts'

const ENDLESS =
  'with recursive c(x) as (select 1 union all select x + 1 from c) select count(*) from c'

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
  await writer.query('create table t (id integer primary key, v text)')
  await writer.query("insert into t values (1, 'one')")
})
afterAll(async () => {
  await worker.end('SIGKILL')
  folder.remove()
})

const busyLanes = async () =>
  (await control.health()).lanes.filter(({ busyMs }) => busyMs !== null).map(({ lane }) => lane)
const running = (lane: number) => expect.poll(busyLanes, { timeout: 5000 }).toContain(lane)
/** As the gateway does: both ways, until it is answered. */
async function cancelled(on: Link, asked: Promise<unknown> & { readonly id: number }) {
  let answered = false
  const code = codeOf(asked).finally(() => {
    answered = true
  })
  while (!answered) {
    on.cancel(asked.id)
    void control.cancelRunning(on, asked.id)
    await sleep(20)
  }
  return code
}

describe('a statement in the wrong lane', () => {
  test('is sent back by the reader if it would write, and has not run', async () => {
    await expect(reader.query("insert into t values (2, 'two')")).rejects.toThrow(Redirected)
    await expect(reader.query('create table u (a)')).rejects.toThrow(Redirected)
    expect((await reader.query('select count(*) as n from t')).rows).toEqual([{ n: 1 }])
  })

  test('is sent back by the writer if it only reads and was a guess', async () => {
    await expect(writer.query('select * from t', [], { guess: true })).rejects.toThrow(Redirected)
    expect((await writer.query('select count(*) as n from t')).rows).toEqual([{ n: 1 }])
    await writer.query("insert into t values (2, 'two')", [], { guess: true })
    await writer.query('delete from t where id = 2', [], { guess: true })
  })

  test('is refused where the caller wants to read only', async () => {
    const asked = reader.query('delete from t', [], { readOnly: true })
    expect(await codeOf(asked)).toBe('sql.denied')
  })

  test('is sent back alone, out of many at once', async () => {
    const answers = await Promise.allSettled(
      Array.from({ length: 100 }, (_, at) =>
        reader.query(at % 10 === 3 ? 'delete from t where id = 77' : 'select 1 as one'),
      ),
    )
    expect(answers.map(({ status }) => status)).toEqual(
      answers.map((_, at) => (at % 10 === 3 ? 'rejected' : 'fulfilled')),
    )
  })
})

describe('a long read', () => {
  test('stops neither the writer nor another reader, which was added for it', async () => {
    const long = reader.query(ENDLESS)
    await running(1)
    const lane = await control.addReader()
    expect(lane).toBe(2)
    const other = await worker.reader(lane)
    expect(other.welcome).toMatchObject({ lane })
    await writer.query("insert into t values (3, 'three')")
    expect((await other.query('select v from t where id = 3')).rows).toEqual([{ v: 'three' }])
    await writer.query('delete from t where id = 3')
    expect((await other.query('select count(*) as n from t')).rows).toEqual([{ n: 1 }])
    expect(await busyLanes()).toEqual([1])
    expect(await cancelled(reader, long)).toBe('query.cancelled')
    other.close()
  })

  test('is no reason for more readers than the memory allows', async () => {
    const added = await Promise.allSettled([1, 2, 3, 4, 5, 6].map(() => control.addReader()))
    expect(added.some(({ status }) => status === 'rejected')).toBe(true)
    expect(await codeOf(control.addReader())).toBe('database.busy')
    const { lanes } = (await worker.control()).welcome ?? {}
    expect(lanes).toEqual((await control.health()).lanes.map(({ lane }) => lane))
    expect(existsSync(folderAt(folder.dir).laneSocket(lanes?.at(-1) ?? 0))).toBe(true)
  })
})

describe('a cancel', () => {
  test('ends what runs, and that alone', async () => {
    const long = reader.query(ENDLESS)
    await running(1)
    await control.cancelRunning(reader, long.id + 1_000_000)
    await control.cancelRunning(writer, long.id + 1_000_000)
    await sleep(100)
    await running(1)
    void control.cancelRunning(reader, long.id)
    expect(await codeOf(long)).toBe('query.cancelled')
    expect((await reader.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  })

  test('removes what waits behind its own request in one chunk', async () => {
    const deadline = writer.deadline(30_000)
    const insert = (id: number, value: number) =>
      encodeTimedFrame(
        FrameType.query,
        id,
        deadline,
        JSON.stringify({
          sql: 'insert into t values (?, null)',
          params: [value],
          maxRows: 1,
          readOnly: false,
          rowFormat: 'array',
        }),
      )
    const answers: Frame[] = []
    const other = await worker.sql()
    other.hearAll((frame) => answers.push(frame))
    other.socket.write(
      Buffer.concat([insert(901, 50), insert(902, 51), encodeFrame(FrameType.cancel, 902, '')]),
    )
    await expect.poll(() => answers.length).toBe(2)
    const ofId = (id: number) => answers.find((frame) => frame.id === id)
    expect(ofId(901)?.type).toBe(FrameType.result)
    expect(Buffer.from(ofId(902)?.payload ?? []).toString()).toContain('query.cancelled')
    expect((await writer.query('select id from t where id >= 50')).rows).toEqual([{ id: 50 }])
    await writer.query('delete from t where id >= 50')
    other.close()
  })

  test('ends what waits behind a long one, which goes on', async () => {
    const long = reader.query(ENDLESS)
    await running(1)
    const waiting = reader.query('select 2 as two')
    await sleep(50)
    reader.cancel(waiting.id)
    void control.cancelRunning(reader, waiting.id)
    await sleep(100)
    await running(1)
    void control.cancelRunning(reader, long.id)
    expect(await codeOf(long)).toBe('query.cancelled')
    expect(await codeOf(waiting)).toBe('query.cancelled')
  })

  test('tells at once of what waits that it has not begun, and it never does', async () => {
    const long = writer.query(
      'insert into t with recursive c(x) as (select 5000 union all select x + 1 from c) select x, null from c',
    )
    await running(0)
    const waiting = writer.query('insert into t values (77, null)')
    await sleep(50)
    expect(await control.cancelRunning(writer, waiting.id)).toEqual({ begun: false })
    expect(await control.cancelRunning(writer, waiting.id)).toEqual({ begun: false })
    expect(await control.cancelRunning(writer, long.id)).toEqual({ begun: true })
    expect(await codeOf(long)).toBe('query.cancelled')
    expect(await codeOf(waiting)).toBe('query.cancelled')
    expect((await writer.query('select count(*) as n from t where id = 77')).rows).toEqual([
      { n: 0 },
    ])
    expect(await control.cancelRunning(writer, waiting.id)).toEqual({ begun: true })
  })
})

describe('a deadline', () => {
  test('that has passed before it begins means that it is not run, nor later', async () => {
    const long = writer.query(ENDLESS, [], { timeoutMs: 400 })
    await running(0)
    const late = writer.query('insert into t values (60, null)', [], { timeoutMs: 100 })
    const batch = writer.batch([{ sql: 'insert into t values (61, null)' }], { timeoutMs: 100 })
    const intime = writer.query('insert into t values (62, null)')
    expect(await Promise.all([long, late, batch, intime].map(codeOf))).toEqual([
      'query.timeout',
      'query.timeout',
      'query.timeout',
      'ok',
    ])
    expect((await writer.query('select id from t where id >= 60')).rows).toEqual([{ id: 62 }])
    await writer.query('delete from t where id = 62')
  })

  test('that is no number is refused', async () => {
    const frame = await writer.sendTimed(FrameType.query, Number.NaN, '{}')
    expect(Buffer.from(frame.payload).toString()).toContain('request.invalid')
    const short = await writer.send(FrameType.query, 'x')
    expect(Buffer.from(short.payload).toString()).toContain('request.invalid')
  })
})

describe('what waits behind a long one', () => {
  test('is answered as soon as that ends, in order, though it came with it', async () => {
    const deadline = reader.deadline(30_000)
    const other = await worker.reader()
    const answers: { id: number; type: number }[] = []
    other.hearAll(({ id, type }) => answers.push({ id, type }))
    const ask = (id: number, sql: string) =>
      encodeTimedFrame(
        FrameType.query,
        id,
        deadline,
        JSON.stringify({ sql, maxRows: 1, readOnly: false, rowFormat: 'array' }),
      )
    const short = Array.from({ length: 20 }, (_, at) => ask(500 + at, `select ${at}`))
    other.socket.write(Buffer.concat([ask(400, ENDLESS), ...short]))
    await running(1)
    // For longer than a batch goes on.
    await sleep(50)
    // They came in one chunk with what runs, and can be cancelled as soon as that has ended.
    other.socket.write(encodeFrame(FrameType.cancel, 519, ''))
    void control.cancelRunning(other, 400)
    await expect.poll(() => answers.length).toBe(21)
    const { error, result } = FrameType
    expect(answers.find(({ id }) => id === 519)).toEqual({ id: 519, type: error })
    expect(answers.filter(({ id }) => id !== 519)).toEqual([
      { id: 400, type: error },
      ...Array.from({ length: 19 }, (_, at) => ({ id: 500 + at, type: result })),
    ])
    other.close()
  })
})
