import { expect, it } from 'vitest'
import { formatAgo, formatBytes, formatCountOf, formatMilliseconds, formatSeconds } from './format'

it.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '0.977 KiB'],
  [1_040_896, '0.993 MiB'],
  [1536, '1.5 KiB'],
  [64 * 1024 * 1024, '64 MiB'],
  [1024 ** 3, '1 GiB'],
])('%i bytes are %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text))

it.each([
  [0.123, '0.12 ms'],
  [12.34, '12.3 ms'],
  [250.6, '251 ms'],
  [1250, '1.25 s'],
  [12_500, '12.5 s'],
  [125_000, '2 min 5 s'],
])('%d ms are %s', (ms, text) => expect(formatMilliseconds(ms)).toBe(text))

it.each([
  [0, '0 s'],
  [59.9, '59 s'],
  [60, '1 min'],
  [200, '3 min 20 s'],
  [7500, '2 h 5 min'],
  [86_400 * 12 + 3600 * 4 + 59, '12 d 4 h'],
])('%d seconds are %s', (seconds, text) => expect(formatSeconds(seconds)).toBe(text))

it('counts', () => {
  expect(formatCountOf(1, 'row')).toBe('1 row')
  expect(formatCountOf(3503, 'row')).toBe('3,503 rows')
  expect(formatCountOf(0, 'index', 'indexes')).toBe('0 indexes')
})

it.each([
  [10, 'just now'],
  [50, '1 min ago'],
  [3000, '50 min ago'],
  [7200, '2 h ago'],
  [86_400 * 3, '3 d ago'],
  [-5, 'just now'],
])('%i seconds back is %s', (seconds, text) => {
  const now = Date.parse('2026-01-10T00:00:00.000Z')
  expect(formatAgo(new Date(now - seconds * 1000).toISOString(), now)).toBe(text)
})
