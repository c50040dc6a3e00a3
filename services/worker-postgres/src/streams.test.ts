import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { failure } from './testing/failure.ts'
import { sharedWorker } from './testing/shared-worker.ts'
import { unavailable } from './testing/worker-process.ts'

describe.skipIf(unavailable())('streams', () => {
  const db = sharedWorker()

  test('csv: a head, quotes where they are needed, null and empty text told apart', async () => {
    const sql = `select 1 as "a,b", 'x"y' as t, null::text as n, '' as e, '\\x00ff'::bytea as b, true as l, E'1\\n2' as m`
    const stream = db.link.stream(sql, { format: 'csv' })
    await stream.end()
    expect(stream.text).toBe('"a,b",t,n,e,b,l,m\r\n1,"x""y",,"",AP8=,true,"1\n2"\r\n')
    const empty = db.link.stream('select 1 as a where false', { format: 'csv' })
    await empty.end()
    expect([empty.text, empty.rows]).toEqual(['a\r\n', 0])
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

  test('a failure in the midst ends it', async () => {
    const stream = db.link.stream('select 1 / (500 - i) from generate_series(1, 1000) i')
    expect((await failure(stream.end())).sqlCode).toBe('22012')
  })
})

const residentBytes = (pid: number | undefined): number =>
  Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * 4096
