import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, expect, test } from 'vitest'
import { ENDLESS, type Subject } from './contract-subject.ts'
import { codeOf } from './link.ts'

const ROWS = 50_000
/** Of each some forty bytes as JSON. */
const ALL = "select n as id, 'some text of a row' as v from streamed"
const ROW_BYTES_MAX = 64

export function streamContract(subject: Subject): void {
  beforeAll(async () => {
    await subject.writer.query('create table streamed (n bigint primary key)')
    await subject.writer.query(
      `insert into streamed (n) with recursive c(x) as (select cast(1 as bigint) union all select x + 1 from c where x < ${ROWS}) select x from c`,
    )
  })

  test('lines of JSON: columns first, each row once, the end last', async () => {
    const stream = subject.reader.stream(`${ALL} order by n limit 2000`)
    expect(await stream.end()).toMatchObject({ rowsAffected: 0, truncated: false })
    expect(stream.columns).toMatchObject([{ name: 'id' }, { name: 'v' }])
    const rows = stream.text
      .trim()
      .split('\n')
      .flatMap((line) => JSON.parse(line).rows)
    expect(rows.map(({ id }) => id)).toEqual(Array.from({ length: 2000 }, (_, at) => at + 1))
    const arrays = subject.reader.stream(`${ALL} order by n limit 2`, { rowFormat: 'array' })
    await arrays.end()
    expect(arrays.text).toBe('{"rows":[[1,"some text of a row"],[2,"some text of a row"]]}\n')
  })

  test('CSV: a head, quotes where they are needed, null and empty text told apart', async () => {
    const sql = `select 1 as "a,b", 'x"y' as t, cast(null as text) as n, '' as e`
    const stream = subject.reader.stream(sql, { format: 'csv' })
    await stream.end()
    expect(stream.text).toBe('"a,b",t,n,e\r\n1,"x""y",,""\r\n')
    const empty = subject.reader.stream('select n from streamed where n < 0', { format: 'csv' })
    await empty.end()
    expect([empty.text, empty.rows]).toEqual(['n\r\n', 0])
  })

  test('no more rows than were asked for', async () => {
    const cut = subject.reader.stream(ALL, { maxRows: 7 })
    expect(await cut.end()).toMatchObject({ truncated: true })
    expect(cut.rows).toBe(7)
  })

  test.each(['ndjson', 'csv'])(
    'as %s, nothing goes beyond its credit but the rest of a row, and all of it comes with more',
    async (format) => {
      const { reader } = subject
      const stream = reader.stream(`${ALL} order by n`, { credit: 100_000, format })
      let allowed = 100_000
      for (const more of [0, 1000, 150_000]) {
        if (more > 0) stream.credit(more)
        allowed += more
        await expect.poll(() => stream.bytes).toBeGreaterThan(allowed - ROW_BYTES_MAX)
        await sleep(50)
        expect(stream.bytes).toBeLessThanOrEqual(allowed + ROW_BYTES_MAX)
        expect((await reader.query('select 1 as one')).rows).toEqual([{ one: 1 }])
      }
      stream.credit(100_000_000)
      await stream.end()
      expect(stream.rows).toBe(ROWS)
    },
  )

  test('whatever the pieces that credit comes in, the rows are the same', async () => {
    const stream = subject.reader.stream(`${ALL} order by n limit 2000`, { credit: 333 })
    const feeding = setInterval(() => stream.credit(777), 1)
    await stream.end()
    clearInterval(feeding)
    const lines = stream.text.trim().split('\n')
    expect(lines.length).toBeGreaterThan(20)
    expect(
      lines.flatMap((line) => JSON.parse(line).rows.map(({ id }: { id: number }) => id)),
    ).toEqual(Array.from({ length: 2000 }, (_, at) => at + 1))
  })

  test('one can be cancelled in its midst, and while it gives nothing', async () => {
    const stream = subject.reader.stream(ALL, { credit: 1000 })
    await expect.poll(() => stream.rows).toBeGreaterThan(0)
    stream.cancel()
    expect(await codeOf(stream.end())).toBe('query.cancelled')
    const silent = subject.reader.stream(ENDLESS)
    const code = codeOf(silent.end())
    const timer = setInterval(() => {
      silent.cancel()
      void subject.control.cancelRunning(subject.reader, silent.id)
    }, 20)
    expect(await code).toBe('query.cancelled')
    clearInterval(timer)
  })

  test('one ends at its deadline, also while it waits for credit', async () => {
    const stream = subject.reader.stream(ALL, { credit: 1000, timeoutMs: 300 })
    expect(await codeOf(stream.end())).toBe('query.timeout')
    expect(stream.rows).toBeGreaterThan(0)
    expect(stream.rows).toBeLessThan(ROWS)
  })

  test('one ends with its connection, and there are only so many at once', async () => {
    const { reader } = subject
    const other = await subject.worker.reader()
    const open = [1, 2, 3, 4].map(() => other.stream(ALL, { credit: 1000 }))
    await expect.poll(() => open.every(({ rows }) => rows > 0)).toBe(true)
    expect(await codeOf(reader.stream(ALL).end())).toBe('database.busy')
    other.close()
    await expect.poll(() => codeOf(reader.stream('select 1').end())).toBe('ok')
  })

  test('one that writes changes all of it, and one that is wrong says so', async () => {
    const stream = subject.writer.stream('insert into streamed values (-1), (-2) returning n')
    expect(await stream.end()).toMatchObject({ rowsAffected: 2, truncated: false })
    expect(stream.rows).toBe(2)
    expect(await codeOf(subject.reader.stream('select nope from streamed').end())).toBe('sql.error')
    const refused = subject.reader.stream('delete from streamed', { readOnly: true })
    expect(await codeOf(refused.end())).toBe('sql.denied')
  })
}
