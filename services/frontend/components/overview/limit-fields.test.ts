import { DatabasePatch, engineLimits } from '@db-forge/contract'
import { expect, it } from 'vitest'
import { fieldsOf, type LimitFields, readLimits } from './limit-fields'

const database = {
  engine: 'postgres',
  state: 'running',
  limits: engineLimits.postgres.defaults,
} as const
const read = (changes: LimitFields, of: Parameters<typeof readLimits>[1] = database) =>
  readLimits({ ...fieldsOf(of), ...changes }, of, DatabasePatch)

it('changes what differs, and nothing else', () => {
  expect(read({})).toEqual({ patch: {}, problems: {}, restarts: false })
  expect(read({ cpus: ' 0.5 ', connectionsMax: '7' })).toEqual({
    patch: { cpus: 0.5, connectionsMax: 7 },
    problems: {},
    restarts: false,
  })
})

it('knows what a running database restarts for', () => {
  expect(read({ memoryMb: '512' }).restarts).toBe(true)
  expect(read({ memoryMb: '512' }, { ...database, state: 'stopped' }).restarts).toBe(false)
})

it('leaves to the platform what is left empty, where it can be', () => {
  const limits = { ...database.limits, pidsMax: 100 }
  expect(read({ pidsMax: '' }, { ...database, limits }).patch).toEqual({ pidsMax: null })
  expect(read({ maxSizeMb: '' }).problems).toEqual({ maxSizeMb: 'A number is needed' })
})

it('says what the contract has against a field', () => {
  expect(Object.keys(read({ memoryMb: '1', maxSizeMb: '0.5' }).problems)).toEqual([
    'memoryMb',
    'maxSizeMb',
  ])
})
