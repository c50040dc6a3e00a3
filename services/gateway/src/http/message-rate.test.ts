import { expect, test } from 'vitest'
import { MessageRate } from './message-rate.ts'

test('so many at once and so many a second get through, and what goes beyond is counted', () => {
  let at = 0
  const rate = new MessageRate(10, () => at)
  const counts = (messages: number) => Array.from({ length: messages }, () => rate.count())
  expect(counts(13)).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3])
  at += 500
  expect(counts(3)).toEqual([0, 0, 1])
  at += 60_000
  expect(counts(11).filter((beyond) => beyond > 0)).toEqual([1])
})
