import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { temporaryFolder } from '../testing/worker-process.ts'
import type { GuardedStatement } from './sqlite-guard.ts'
import { type OpenDatabase, openDatabase } from './sqlite-open.ts'
import { StatementCache } from './sqlite-statements.ts'

let folder: ReturnType<typeof temporaryFolder>
let open: OpenDatabase
beforeEach(() => {
  folder = temporaryFolder()
  const path = join(folder.dir, 'main.sqlite')
  open = openDatabase({ path, maxSizeMb: 64, memoryMb: 64, role: 'writer' })
})
afterEach(() => {
  open.guard.close()
  open.db.close()
  folder.remove()
})

const texts = (count: number) =>
  Array.from({ length: count }, (_, n) => `select ${n}, ${Array(100).fill('abs(1)').join()}`)
const used = (cache: StatementCache, sql: string): GuardedStatement =>
  cache.with(sql, false, (statement) => statement)
/** Which of the texts, the last one first, still have the statement that they had when they came for the second time. */
const kept = (cache: StatementCache, list: readonly string[]) => {
  const second = list.map((sql) => [used(cache, sql), used(cache, sql)].at(-1))
  return [...list.keys()].reverse().filter((at) => used(cache, list[at] ?? '') === second[at])
}

describe('the cache of statements', () => {
  test('keeps a text from its second time on', () => {
    const cache = new StatementCache(open.guard, 10_000_000)
    const [first, second, third] = [1, 2, 3].map(() => used(cache, 'select 1'))
    expect(second).not.toBe(first)
    expect(third).toBe(second)
    cache.clear()
    expect(used(cache, 'select 1')).not.toBe(third)
    cache.clear()
  })

  test('holds no more of them than it may, the latest used', () => {
    const cache = new StatementCache(open.guard, 100_000_000)
    const still = kept(cache, texts(250))
    expect([still.length, still[0], still.at(-1)]).toEqual([200, 249, 50])
    cache.clear()
  })

  test('holds no more memory than it may', () => {
    const { bytes } = used(new StatementCache(open.guard, 0), texts(1)[0] ?? '')
    const cache = new StatementCache(open.guard, bytes * 10.5)
    expect(kept(cache, texts(30))).toEqual([29, 28, 27, 26, 25, 24, 23, 22, 21, 20])
    cache.clear()
    const small = new StatementCache(open.guard, bytes * 2)
    expect(kept(small, texts(1))).toEqual([])
  })

  test('forgets what it has seen once, too', () => {
    const cache = new StatementCache(open.guard, 10_000_000)
    const first = used(cache, 'select 0')
    for (const sql of texts(201)) used(cache, sql)
    const again = used(cache, 'select 0')
    expect(again).not.toBe(first)
    expect(used(cache, 'select 0')).not.toBe(again)
    cache.clear()
  })
})
