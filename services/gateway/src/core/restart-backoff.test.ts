import { expect, test } from 'vitest'
import { RestartBackoff } from './restart-backoff.ts'

test('a worker that does not stay up waits ever longer, one that settled starts anew', () => {
  let now = 0
  const backoff = new RestartBackoff(() => now)
  const waits = Array.from({ length: 12 }, () => {
    backoff.up('db_aaaaaaaaaaaa')
    now += 10
    return backoff.lost('db_aaaaaaaaaaaa')
  })
  expect(waits).toEqual([0, 0, 0, 250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000])
  backoff.up('db_aaaaaaaaaaaa')
  now += 60_000
  expect(backoff.lost('db_aaaaaaaaaaaa')).toBe(0)
  expect(backoff.lost('db_aaaaaaaaaaaa')).toBeNull()
})

test('a failed start is never repeated at once', () => {
  expect(new RestartBackoff().failed('db_aaaaaaaaaaaa')).toBe(250)
})
