import { expect, it } from 'vitest'
import { hidden } from './secret'

it('hides a secret wherever it stands', () => {
  expect(hidden('abc', 'abc')).toBe('••••••••••••')
  expect(hidden('postgres://owner:abc@host/abc', 'abc')).not.toContain('abc')
  expect(hidden('postgres://owner:a%2Fb@host/shop', 'a/b')).toBe(
    'postgres://owner:••••••••••••@host/shop',
  )
})

it('hides nothing where there is no secret', () => {
  expect(hidden('text', '')).toBe('text')
})
