import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import {
  type BatchResult,
  type Problem,
  type QueryResult,
  type RunningQuery,
  type SchemaInfo,
  StreamFrame,
  type Transaction,
} from '@db-forge/contract'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { engineSuite } from '../testing/engine-suites.ts'
import { openTestGateway, type TestGateway } from '../testing/test-gateway.ts'

const CHINOOK = '../shared/data/Chinook_PostgreSql.sql'
const chinookFile = fileURLToPath(new URL(`../../../../${CHINOOK}`, import.meta.url))
const chinookAbsence = existsSync(chinookFile) ? null : `there is no ${CHINOOK}`

const SLEEP = 'select pg_sleep(60)'
/** Goes on however often it is interrupted. */
const STUBBORN = `do $$ begin
  loop
    begin perform pg_sleep(60); exception when query_canceled then null; end;
  end loop;
end $$`
const cancelled = { status: 409, body: { code: 'query.cancelled' } }
const timedOut = { status: 504, body: { code: 'query.timeout' } }

let g: TestGateway
beforeAll(async () => {
  g = await openTestGateway()
})
afterAll(() => g.destroy())

engineSuite('postgres', 'PostgreSQL over REST', () => {
  const api = '/api/db/pg'
  beforeAll(async () => {
    await g.call('POST', '/admin/databases/spawn/pg', { engine: 'postgres' })
    await query('create table t (x int primary key)')
  })

  const query = (sql: string, extra: object = {}) =>
    g.call<QueryResult & Problem>('POST', `${api}/query`, { sql, ...extra })
  const batch = (statements: string[], extra: object = {}) =>
    g.call<BatchResult & Problem>('POST', `${api}/batch`, {
      statements: statements.map((sql) => ({ sql })),
      ...extra,
    })
  const list = async () =>
    (await g.call<{ items: RunningQuery[] }>('GET', `${api}/queries`)).body.items
  const cancel = (id: string) => g.call('DELETE', `${api}/queries/${id}`)
  const numbers = async () =>
    (await query('select x from t order by x', { rowFormat: 'array' })).body.rows.flat()

  async function running(id: string): Promise<void> {
    await vi.waitFor(async () => expect((await list()).map((item) => item.id)).toContain(id))
    await sleep(50)
  }

  describe('queries', () => {
    test('what a statement yields is in the answer', async () => {
      const params = [1, 'ä', { $blob: 'AP8=' }, null, true, { $integer: '9007199254740993' }]
      const sql =
        'select $1::int as a, $2::text as a, $3::bytea as b, $4::date as n, $5::bool as y, $6::bigint as i'
      expect((await query(sql, { params })).body).toMatchObject({
        columns: [
          { name: 'a', type: 'integer', declared: 'integer' },
          { name: 'a', key: 'a_2', type: 'text' },
          { name: 'b', type: 'blob', declared: 'bytea' },
          { name: 'n', declared: 'date' },
          { name: 'y', type: 'boolean' },
          { name: 'i', type: 'integer', declared: 'bigint' },
        ],
        rows: [{ a: 1, a_2: 'ä', b: 'AP8=', n: null, y: true, i: '9007199254740993' }],
      })
      expect((await query('insert into t values (1), (2) returning x')).body).toMatchObject({
        rows: [{ x: 1 }, { x: 2 }],
        rowsAffected: 2,
      })
      expect((await query('delete from t')).body).toMatchObject({ rows: [], rowsAffected: 2 })
      const many = await query('select generate_series(1, 10) as n', { maxRows: 2 })
      expect(many.body).toMatchObject({ rows: [{ n: 1 }, { n: 2 }], truncated: true })
    })

    test('failures have a code, the engine’s code and a place', async () => {
      await query('insert into t values (1)')
      const failures = [
        await query('select\n  nonsense'),
        await query('select * from nope'),
        await query('insert into t values (1)'),
        await query('select $1::int', { params: ['x'] }),
        await query('select 1', { params: { a: 1 } }),
        await query('select 1; select 2'),
        await query('commit'),
        await query("copy t to program 'id'"),
        await query('create extension file_fdw'),
      ]
      expect(failures.map(({ status, body }) => [status, body.code, body.sqlCode])).toEqual([
        [400, 'sql.error', '42703'],
        [400, 'sql.error', '42P01'],
        [409, 'sql.constraint', '23505'],
        [400, 'sql.error', '22P02'],
        [400, 'sql.params', undefined],
        [400, 'sql.multiple', '42601'],
        [403, 'sql.denied', undefined],
        [403, 'sql.denied', undefined],
        [403, 'sql.denied', '42501'],
      ])
      expect(failures[0]?.body.position).toMatchObject({ line: 2, column: 3 })
      await query('delete from t')
    })

    test('what is to be read only writes nothing, in whatever it is wrapped', async () => {
      await query(`create function sly() returns int language plpgsql as
        $$ begin insert into t values (9); return 1; end $$`)
      for (const sql of ['insert into t values (9)', 'select sly()', 'create table u (x int)'])
        expect(await query(sql, { readOnly: true })).toMatchObject({
          status: 403,
          body: { code: 'sql.denied' },
        })
      expect(await numbers()).toEqual([])
      expect(await query('select count(*) from t', { readOnly: true })).toMatchObject({
        status: 200,
      })
    })
  })

  describe('batches', () => {
    test('are all or nothing, read only, or one by one', async () => {
      const failing = ['insert into t values (1)', 'insert into t values (1)']
      const failed = { status: 409, body: { code: 'sql.constraint', statement: 1 } }
      expect(await batch(failing)).toMatchObject(failed)
      expect(await numbers()).toEqual([])
      expect(await batch(failing, { transaction: 'none' })).toMatchObject(failed)
      expect(await numbers()).toEqual([1])
      expect(await batch(['select 1', 'delete from t'], { transaction: 'read' })).toMatchObject({
        status: 403,
        body: { code: 'sql.denied', statement: 1 },
      })
      const together = await batch(['insert into t values (2)', 'select count(*) as n from t'])
      expect(together.body).toMatchObject({
        results: [{ rowsAffected: 1 }, { rows: [{ n: 2 }] }],
      })
      await query('delete from t')
    })
  })

  describe('transactions', () => {
    const root = `${api}/transactions`
    const begin = async (body?: object) => (await g.call<Transaction>('POST', root, body)).body.id
    const within = (id: string, sql: string) =>
      g.call<QueryResult & Problem>('POST', `${root}/${id}/query`, { sql })
    const end = (id: string, how: string) => g.call('POST', `${root}/${id}/${how}`)

    test('are seen once committed, and go on after a statement that failed', async () => {
      const id = await begin()
      await within(id, 'insert into t values (1)')
      expect(await within(id, 'insert into t values (2), (1)')).toMatchObject({ status: 409 })
      expect(await within(id, 'select count(*) as n from t')).toMatchObject({
        body: { rows: [{ n: 1 }] },
      })
      expect(await numbers()).toEqual([])
      expect(await end(id, 'commit')).toMatchObject({ status: 204 })
      expect(await numbers()).toEqual([1])
    })

    test('that are rolled back, by hand or for being idle, leave nothing', async () => {
      const undone = await begin()
      await within(undone, 'delete from t')
      expect(await end(undone, 'rollback')).toMatchObject({ status: 204 })
      const idle = await begin({ idleTimeoutMs: 200 })
      await within(idle, 'delete from t')
      await sleep(700)
      expect(await within(idle, 'select 1')).toMatchObject({
        status: 409,
        body: { code: 'transaction.ended' },
      })
      expect(await numbers()).toEqual([1])
    })

    test('that read keep their snapshot and may not write', async () => {
      const id = await begin({ mode: 'read' })
      await within(id, 'select 1')
      await query('delete from t')
      expect(await within(id, 'select x from t')).toMatchObject({ body: { rows: [{ x: 1 }] } })
      expect(await within(id, 'delete from t')).toMatchObject({ body: { code: 'sql.denied' } })
      await end(id, 'commit')
    })
  })

  describe('streams', () => {
    const stream = (sql: string, accept: string, extra: object = {}) =>
      g.fetch('POST', `${api}/query`, { sql, ...extra }, { accept })
    const framesOf = async (answer: Response) =>
      (await answer.text())
        .trimEnd()
        .split('\n')
        .map((line) => StreamFrame.parse(JSON.parse(line)))

    test('NDJSON has all rows however many they are', async () => {
      const frames = await framesOf(
        await stream('select generate_series(1, 200000) as n', 'application/x-ndjson', {
          rowFormat: 'array',
        }),
      )
      const rows = frames.flatMap((frame) => ('rows' in frame ? frame.rows : [])) as [number][]
      expect(rows).toHaveLength(200_000)
      expect(rows.every(([n], at) => n === at + 1)).toBe(true)
      expect(frames[0]).toMatchObject({ meta: { columns: [{ name: 'n', type: 'integer' }] } })
      expect(frames.at(-1)).toMatchObject({ end: { rowCount: 200_000, truncated: false } })
    })

    test('NDJSON that fails half-way, or takes too long, ends with the problem', async () => {
      const late = await stream(
        'select 1 / (100000 - n) from generate_series(1, 100000) n',
        'application/x-ndjson',
      )
      expect((await framesOf(late)).at(-1)).toMatchObject({
        error: { code: 'sql.error', sqlCode: '22012' },
      })
      const slow = await stream(
        'select n, pg_sleep(0.01) from generate_series(1, 100000) n',
        'application/x-ndjson',
        { timeoutMs: 400 },
      )
      const text = await slow.text()
      expect(JSON.parse(text.trimEnd().split('\n').at(-1) ?? '')).toMatchObject(
        slow.status === 200 ? { error: { code: 'query.timeout' } } : { code: 'query.timeout' },
      )
    })

    test('CSV is RFC 4180 with a head', async () => {
      const answer = await stream(
        `select 1 as a, 'x,"y"' as "b c", null as n, '' as e, true as t`,
        'text/csv',
      )
      expect(await answer.text()).toBe('a,b c,n,e,t\r\n1,"x,""y""",,"",true\r\n')
    })
  })

  describe('cancelling and deadlines', () => {
    test.each([
      ['a sleep', SLEEP],
      ['a loop that traps it', STUBBORN],
    ])('end %s, and the next query is answered', async (_, sql) => {
      const slow = query(sql, { queryId: 'slow' })
      await running('slow')
      expect(await query('select 1 as one')).toMatchObject({ status: 200 })
      expect(await cancel('slow')).toMatchObject({ status: 204 })
      expect(await slow).toMatchObject(cancelled)
      expect(await query(sql, { timeoutMs: 300 })).toMatchObject(timedOut)
      expect((await query('select 1 as one')).body.rows).toEqual([{ one: 1 }])
      const busy =
        "select count(*)::int as n from pg_stat_activity where query ~ 'sleep.60' and pid <> pg_backend_pid()"
      await vi.waitFor(async () => expect((await query(busy)).body.rows).toEqual([{ n: 0 }]), 5000)
      expect(await list()).toEqual([])
    })

    test('end a batch as a whole', async () => {
      const whole = batch(['insert into t values (5)', SLEEP], { queryId: 'batch' })
      await running('batch')
      await cancel('batch')
      expect(await whole).toMatchObject(cancelled)
      expect(await numbers()).toEqual([])
    })

    test('closing the request ends what it asked for', async () => {
      const closing = new AbortController()
      const { signal } = closing
      const request = g.fetch('POST', `${api}/query`, { sql: SLEEP, queryId: 'closed' }, { signal })
      const failed = expect(request).rejects.toThrow()
      await running('closed')
      closing.abort()
      await failed
      await vi.waitFor(async () => expect(await list()).toEqual([]))
    })
  })

  test('the schema shows what there is in all schemas, and counts it', async () => {
    await batch([
      'create schema sales',
      'create table sales.orders (id serial primary key, x int references t)',
      'insert into sales.orders default values',
      'create view open as select * from sales.orders',
    ])
    const { body } = await g.call<SchemaInfo>('GET', `${api}/schema`)
    expect(
      body.tables.map(({ name, schema, kind, rowCount }) => [name, schema, kind, rowCount]),
    ).toEqual([
      ['open', 'public', 'view', null],
      ['t', 'public', 'table', 0],
      ['sales.orders', 'sales', 'table', 1],
    ])
    const uncounted = await g.call<SchemaInfo>('GET', `${api}/schema?counts=false`)
    expect(uncounted.body.tables.map(({ rowCount }) => rowCount)).toEqual([null, null, null])
  })

  describe.skipIf(chinookAbsence)(
    chinookAbsence ? `real data: skipped, since ${chinookAbsence}` : 'real data',
    () => {
      const music = '/api/db/chinook'
      const ROWS = {
        album: 347,
        artist: 275,
        customer: 59,
        employee: 8,
        genre: 25,
        invoice: 412,
        invoice_line: 2240,
        media_type: 5,
        playlist: 18,
        playlist_track: 8715,
        track: 3503,
      }
      const total = Object.values(ROWS).reduce((sum, count) => sum + count)

      test('is loaded in one call, and queries, rows and schema count the same', async () => {
        await g.call('POST', '/admin/databases/spawn/chinook', { engine: 'postgres' })
        const statements = statementsOf(await readFile(chinookFile, 'utf8'))
        const loaded = await g.call<BatchResult>('POST', `${music}/batch`, {
          statements: statements.map((sql) => ({ sql })),
        })
        expect(loaded).toMatchObject({ status: 200 })
        expect(loaded.body.results).toHaveLength(statements.length)
        const written = loaded.body.results.reduce((sum, { rowsAffected }) => sum + rowsAffected, 0)
        expect(written).toBe(total)
        const { body } = await g.call<SchemaInfo>('GET', `${music}/schema`)
        expect(
          Object.fromEntries(body.tables.map(({ name, rowCount }) => [name, rowCount])),
        ).toEqual(ROWS)
        for (const [table, count] of Object.entries(ROWS)) {
          const sql = `select count(*) from ${table}`
          const asked = await g.call<QueryResult>('POST', `${music}/query`, {
            sql,
            rowFormat: 'array',
          })
          expect(asked.body.rows).toEqual([[count]])
          const listed = await g.call<QueryResult>(
            'GET',
            `${music}/tables/${table}/rows?count=exact&limit=2`,
          )
          expect(listed.headers['content-range']).toBe(`0-1/${count}`)
        }
      })

      test('a listing equals the same SQL', async () => {
        const search = new URLSearchParams({
          composer: 'ilike.*steve harris*',
          milliseconds: 'gte.300000',
          unit_price: 'eq.0.99',
          select: 'track_id,name,unit_price',
          order: 'milliseconds.desc,track_id',
          limit: '7',
        })
        const listed = await g.call<QueryResult>('GET', `${music}/tables/track/rows?${search}`)
        const asked = await g.call<QueryResult>('POST', `${music}/query`, {
          sql: `select track_id, name, unit_price from track where composer ilike '%steve harris%'
            and milliseconds >= 300000 and unit_price = 0.99 order by milliseconds desc, track_id limit 7`,
        })
        expect(listed.body.rows).toHaveLength(7)
        expect(listed.body.rows).toEqual(asked.body.rows)
        const pair = await g.call<QueryResult>('GET', `${music}/tables/playlist_track/rows/1,3402`)
        expect(pair.body.rows).toEqual([{ playlist_id: 1, track_id: 3402 }])
      })
    },
  )
})

/** Each ends with a semicolon that ends its line. What makes the database and connects to it is left out. */
function statementsOf(script: string): string[] {
  return script
    .replace(/\/\*.*?\*\//gs, '')
    .replace(/^(?:DROP DATABASE|CREATE DATABASE|\\c) .*$/gm, '')
    .split(/;\s*$/m)
    .map((sql) => sql.trim())
    .filter((sql) => sql !== '')
}
