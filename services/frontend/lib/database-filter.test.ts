import type { Database } from '@db-forge/contract'
import { describe, expect, it } from 'vitest'
import { filterDatabases, readDatabaseFilter, writeDatabaseFilter } from './database-filter'

const read = (search: string) => readDatabaseFilter(new URLSearchParams(search))

describe('the filter in the address', () => {
  it('comes back as it was written', () => {
    const filter = { search: 'a&b', engine: 'postgres', state: 'asleep' } as const
    expect(read(writeDatabaseFilter(filter))).toEqual(filter)
  })
  it('is nothing where nothing is filtered', () => {
    expect(writeDatabaseFilter(read(''))).toBe('')
  })
  it('takes no notice of an engine or a state that there is not', () => {
    expect(read('engine=oracle&state=tired')).toEqual({ search: '', engine: null, state: null })
  })
})

it('filters by part of a name, by engine and by state', () => {
  const databases = [
    { name: 'Shop', engine: 'sqlite', state: 'asleep' },
    { name: 'workshop', engine: 'postgres', state: 'running' },
    { name: 'ledger', engine: 'postgres', state: 'asleep' },
  ] as Database[]
  const names = (search: string) => filterDatabases(databases, read(search)).map(({ name }) => name)
  expect(names('')).toEqual(['Shop', 'workshop', 'ledger'])
  expect(names('q=SHOP+')).toEqual(['Shop', 'workshop'])
  expect(names('engine=postgres')).toEqual(['workshop', 'ledger'])
  expect(names('state=asleep')).toEqual(['Shop', 'ledger'])
  expect(names('q=shop&engine=postgres')).toEqual(['workshop'])
})
