import { expect, it } from 'vitest'
import { freeName } from './free-name'

it('keeps a name that is free, and numbers one that is not', () => {
  expect(freeName('Shop', new Set())).toBe('Shop')
  expect(freeName('Shop', new Set(['shop', 'shop-2']))).toBe('Shop-3')
})

it('stays within what a name may be long', () => {
  const long = 'a'.repeat(63)
  expect(freeName(long, new Set([long]))).toBe(`${'a'.repeat(61)}-2`)
})
