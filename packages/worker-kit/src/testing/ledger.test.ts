import { expect, test } from 'vitest'
import { Ledger } from './ledger.ts'

const none = { lost: 0, partial: 0, repeated: 0, unasked: 0 }

function ledger(): Ledger {
  const made = new Ledger()
  made.open(1, 'single', 1).outcome = 'done'
  made.open(2, 'batch', 5).outcome = 'done'
  made.open(3, 'batch', 5)
  made.open(4, 'single', 1).outcome = 'refused'
  return made
}
const compare = (...found: [number, number][]) => ledger().compare(new Map(found))

test('what is unknown may be there or not, whole', () => {
  expect(compare([1, 1], [2, 5])).toEqual(none)
  expect(compare([1, 1], [2, 5], [3, 5])).toEqual(none)
})

test('each fault is told from the others', () => {
  expect(compare([2, 5])).toEqual({ ...none, lost: 1 })
  expect(compare([1, 1], [2, 4])).toEqual({ ...none, partial: 1 })
  expect(compare([1, 1], [2, 5], [3, 1])).toEqual({ ...none, partial: 1 })
  expect(compare([1, 2], [2, 5])).toEqual({ ...none, repeated: 1 })
  expect(compare([1, 1], [2, 5], [4, 1])).toEqual({ ...none, unasked: 1 })
  expect(compare([1, 1], [2, 5], [9, 1])).toEqual({ ...none, unasked: 1 })
})
