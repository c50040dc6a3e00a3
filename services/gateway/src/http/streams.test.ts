import { setTimeout as sleep } from 'node:timers/promises'
import { type Problem, type RunningQuery, StreamFrame } from '@db-forge/contract'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { openTestGateway, type TestGateway } from '../testing/test-gateway.ts'

const NDJSON = 'application/x-ndjson'
const ENDLESS = 'with recursive c(n) as (select 1 union all select n + 1 from c) select n from c'
const upTo = (n: number) =>
  `with recursive c(n) as (select 1 union all select n + 1 from c where n < ${n}) select n from c`
/** Fails at its 100,000th row, long after the first part was sent. */
const FAILS_LATE = `with recursive c(n) as (select 1 union all select n + 1 from c where n < 100000)
  select n, printf('%.100c', 'x') as filler, case n when 100000 then json('{') end as x from c`

let g: TestGateway
beforeAll(async () => {
  g = await openTestGateway()
  await g.call('POST', '/admin/databases/spawn/s')
})
afterAll(() => g.destroy())

const stream = (sql: string, accept = NDJSON, extra: object = {}, signal?: AbortSignal) =>
  g.fetch('POST', '/api/db/s/query', { sql, ...extra }, { accept, ...(signal ? { signal } : {}) })
const framesOf = async (answer: Response) =>
  (await answer.text())
    .trimEnd()
    .split('\n')
    .map((line) => StreamFrame.parse(JSON.parse(line)))
const list = async () =>
  (await g.call<{ items: RunningQuery[] }>('GET', '/api/db/s/queries')).body.items

describe('NDJSON', () => {
  test('is columns, rows, end; each line is of the contract', async () => {
    const answer = await stream("select 1 as a, null as b union all select 2, x'00ff'")
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-type')).toBe(NDJSON)
    const frames = await framesOf(answer)
    expect(frames).toMatchObject([
      {
        meta: {
          queryId: answer.headers.get('x-query-id'),
          columns: [{ name: 'a' }, { name: 'b' }],
        },
      },
      {
        rows: [
          { a: 1, b: null },
          { a: 2, b: { $blob: 'AP8=' } },
        ],
      },
      { end: { rowCount: 2, rowsAffected: 0, truncated: false } },
    ])
  })

  test('has all rows however many they are, as lists too', async () => {
    const frames = await framesOf(await stream(upTo(200_000), NDJSON, { rowFormat: 'array' }))
    const rows = frames.flatMap((frame) => ('rows' in frame ? frame.rows : [])) as [number][]
    expect(rows).toHaveLength(200_000)
    expect(rows.every(([n], index) => n === index + 1)).toBe(true)
    expect(frames.at(-1)).toMatchObject({ end: { rowCount: 200_000 } })
  })

  test('stops at maxRows and says that there are more', async () => {
    const frames = await framesOf(await stream(upTo(10), NDJSON, { maxRows: 3 }))
    expect(frames.at(-1)).toMatchObject({ end: { rowCount: 3, truncated: true } })
  })

  test('of a statement that writes has what it changed', async () => {
    await g.call('POST', '/api/db/s/query', { sql: 'create table w (x)' })
    const frames = await framesOf(await stream('insert into w values (1), (2) returning x'))
    expect(frames).toMatchObject([
      { meta: {} },
      { rows: [{ x: 1 }, { x: 2 }] },
      { end: { rowsAffected: 2, rowCount: 2 } },
    ])
    const none = await framesOf(await stream('delete from w'))
    expect(none).toMatchObject([{ meta: { columns: [] } }, { end: { rowsAffected: 2 } }])
  })

  test('that fails at once is an ordinary problem; that fails later ends with it', async () => {
    const wrong = await stream('select nonsense')
    expect(wrong.status).toBe(400)
    expect(await wrong.json()).toMatchObject({ code: 'sql.error', position: { offset: 7 } })
    const late = await stream(FAILS_LATE)
    expect(late.status).toBe(200)
    const frames = await framesOf(late)
    expect(frames.at(-1)).toMatchObject({ error: { code: 'sql.error', status: 400 } })
    expect(frames.some((frame) => 'rows' in frame)).toBe(true)
  })

  test('that runs into its deadline says so', async () => {
    const frames = await framesOf(await stream(ENDLESS, NDJSON, { timeoutMs: 400 }))
    expect(frames.at(-1)).toMatchObject({ error: { code: 'query.timeout' } })
  })
})

describe('CSV', () => {
  test('is RFC 4180 with a head', async () => {
    const answer = await stream(`select 1 as a, 'x,"y"' as "b c", null as n, '' as e`, 'text/csv')
    expect(answer.headers.get('content-type')).toMatch(/^text\/csv/)
    expect(await answer.text()).toBe('a,b c,n,e\r\n1,"x,""y""",,""\r\n')
    expect(await (await stream('select 1 as a where 0', 'text/csv')).text()).toBe('a\r\n')
  })

  test('that fails half-way is broken off, so that no one takes a part for the whole', async () => {
    const answer = await stream(FAILS_LATE, 'text/csv')
    expect(answer.status).toBe(200)
    await expect(answer.text()).rejects.toThrow()
    expect(await (await stream('select 1 as a', 'text/csv')).text()).toBe('a\r\n1\r\n')
  })
})

test('a form that there is not is refused, with those that there are', async () => {
  const answer = await stream('select 1', 'text/html')
  expect(answer.status).toBe(400)
  expect((await answer.json()) as Problem).toMatchObject({
    code: 'request.invalid',
    detail: expect.stringContaining('text/csv'),
  })
})

test('the documentation names the three forms', async () => {
  const { body } = await g.call<{ paths: Record<string, { post: { responses: object } }> }>(
    'GET',
    '/openapi.json',
  )
  expect(body.paths['/api/db/{name}/query']?.post.responses).toMatchObject({
    200: {
      content: {
        'application/json': { schema: { $ref: '#/components/schemas/QueryResult' } },
        'application/x-ndjson': { schema: { $ref: '#/components/schemas/StreamFrame' } },
        'text/csv': { schema: { type: 'string' } },
      },
    },
  })
})

test('a client that does not read holds the engine back; one that leaves frees it', async () => {
  const closing = new AbortController()
  const sql = `with recursive c(n) as (select 1 union all select n + 1 from c)
    select n, printf('%.1000c', 'x') as filler from c`
  const answer = await stream(sql, NDJSON, { queryId: 'unread' }, closing.signal)
  const reader = answer.body?.getReader()
  await reader?.read()
  // Sockets and buffers on the way fill up, then nothing moves.
  const rowsThen = await settled(async () => (await list())[0]?.rows ?? 0)
  expect(rowsThen).toBeGreaterThan(100)
  expect(rowsThen).toBeLessThan(100_000)
  expect(await list()).toMatchObject([{ id: 'unread', kind: 'stream' }])
  expect((await g.call('POST', '/api/db/s/query', { sql: 'select 1' })).status).toBe(200)
  closing.abort()
  await vi.waitFor(async () => expect(await list()).toEqual([]))
})

test('cancelling ends a stream that runs and one that stands still', async () => {
  const running = stream(`select count(*) from (${ENDLESS})`, NDJSON, { queryId: 'first-part' })
  await vi.waitFor(async () => expect(await list()).toHaveLength(1))
  await sleep(50)
  expect(await g.call('DELETE', '/api/db/s/queries/first-part')).toMatchObject({ status: 204 })
  expect((await running).status).toBe(409)
  const answer = await stream(ENDLESS, NDJSON, { queryId: 'unread' })
  await settled(async () => (await list())[0]?.rows ?? 0)
  expect(await g.call('DELETE', '/api/db/s/queries/unread')).toMatchObject({ status: 204 })
  expect((await framesOf(answer)).at(-1)).toMatchObject({ error: { code: 'query.cancelled' } })
})

test('many streams at once all come whole', async () => {
  const answers = await Promise.all(
    Array.from({ length: 4 }, async (_, n) => framesOf(await stream(upTo(20_000 + n)))),
  )
  expect(answers.map((frames) => frames.at(-1))).toMatchObject(
    [0, 1, 2, 3].map((n) => ({ end: { rowCount: 20_000 + n } })),
  )
})

test('kill -9 of the worker ends a stream with an error, and the next query is answered', async () => {
  const answer = await stream(ENDLESS)
  const frames = framesOf(answer)
  process.kill(await g.workerPid('s'), 'SIGKILL')
  expect((await frames).at(-1)).toMatchObject({ error: { code: 'worker.restarted' } })
  expect((await g.call('POST', '/api/db/s/query', { sql: 'select 1' })).status).toBe(200)
})

/** The value once it has stayed the same for a while. */
async function settled(look: () => Promise<number>): Promise<number> {
  let last = -1
  for (let same = 0; same < 5; ) {
    const now = await look()
    same = now === last && now > 0 ? same + 1 : 0
    last = now
    await sleep(50)
  }
  return last
}
