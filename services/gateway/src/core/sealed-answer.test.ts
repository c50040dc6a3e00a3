import { expect, test } from 'vitest'
import { seal, unseal } from './sealed-answer.ts'

const TEXT = '{"password":"hunter2 ä€😀"}'

test('what was sealed opens with its secret and context alone', () => {
  const sealed = seal('key', 'context', TEXT)
  expect(unseal('key', 'context', sealed)).toBe(TEXT)
  expect(() => unseal('kez', 'context', sealed)).toThrow()
  expect(() => unseal('key', 'another', sealed)).toThrow()
})

test('the same text is never sealed to the same', () => {
  expect(seal('key', 'context', TEXT)).not.toBe(seal('key', 'context', TEXT))
})

test('any changed byte is noticed', () => {
  const sealed = Buffer.from(seal('key', 'context', TEXT), 'base64')
  for (let at = 0; at < sealed.length; at++) {
    const changed = Buffer.from(sealed)
    changed[at] = (changed[at] ?? 0) ^ 1
    expect(() => unseal('key', 'context', changed.toString('base64'))).toThrow()
  }
  expect(() => unseal('key', 'context', '')).toThrow()
})
