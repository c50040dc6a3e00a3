import { expect, test } from 'vitest'
import { CpuRate } from './cpu-rate.ts'

test('the rate is that between two readings, and the mean where there is none before', () => {
  let nowMs = 0
  const rate = new CpuRate(() => nowMs)
  const id = 'db_aaaaaaaaaaaa'
  expect(rate.percent(id, 2, 10)).toBe(20)
  nowMs += 2000
  expect(rate.percent(id, 3, 12)).toBe(50)
  nowMs += 1000
  expect(rate.percent(id, 0.5, 1), 'the worker restarted').toBe(50)
  nowMs += 600_000
  expect(rate.percent(id, 61, 601), 'the last reading is old').toBeCloseTo(10.1, 1)
})
