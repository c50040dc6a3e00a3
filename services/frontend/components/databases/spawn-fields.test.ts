import { DatabaseName, DatabaseSpawn } from '@db-forge/contract'
import { expect, it } from 'vitest'
import { emptySpawn, readSpawn, type SpawnFields } from './spawn-fields'

const read = (fields: Partial<SpawnFields>) =>
  readSpawn({ ...emptySpawn, name: 'shop', ...fields }, DatabaseName, DatabaseSpawn)

it('calls with the engine chosen and what was filled in', () => {
  expect(read({ memoryMb: ' 96 ', cpus: '0.5' })).toEqual({
    call: { params: { name: 'shop' }, body: { engine: 'sqlite', memoryMb: 96, cpus: 0.5 } },
    problems: {},
  })
})

it('leaves out a limit that the engine does not have', () => {
  const fields = { sessionQueryTimeoutMs: '5000' }
  expect(read(fields).call.body).toEqual({ engine: 'sqlite' })
  expect(read({ ...fields, engine: 'postgres' }).call.body).toEqual({
    engine: 'postgres',
    sessionQueryTimeoutMs: 5000,
  })
})

it('says what the contract has against a field', () => {
  const { problems } = read({ name: 'not a name', memoryMb: '1' })
  expect(Object.keys(problems)).toEqual(['name', 'memoryMb'])
  expect(read({ name: ' ' }).problems.name).toBe('A name is needed')
})
