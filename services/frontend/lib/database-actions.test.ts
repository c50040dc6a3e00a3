import { expect, it } from 'vitest'
import { reasonAgainst } from './database-actions'

it('has nothing against what the contract allows', () => {
  expect(reasonAgainst('stop', { state: 'running' })).toBeNull()
})

it('says which states the contract asks for', () => {
  expect(reasonAgainst('query', { state: 'stopped' })).toBe(
    'It is stopped; this needs it running or asleep.',
  )
  expect(reasonAgainst('start', { state: 'running' })).toBe(
    'It is running; this needs it asleep, stopped, pruned or failed.',
  )
})
