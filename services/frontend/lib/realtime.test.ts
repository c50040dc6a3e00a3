import type { Database } from '@db-forge/contract'
import { describe, expect, it } from 'vitest'
import { newerOf, verdictOn, withDatabase, withoutDatabase } from './realtime'

const database = (
  name: string,
  revision = 1,
  id = `db_${name.toLowerCase().padEnd(12, '0')}`,
): Database => ({
  id,
  name,
  engine: 'sqlite',
  engineVersion: null,
  runtime: 'process',
  state: 'running',
  desired: 'running',
  reason: null,
  connection: null,
  limits: {
    memoryMb: 64,
    cpus: 1,
    maxSizeMb: 1024,
    queryTimeoutMs: 30_000,
    sessionQueryTimeoutMs: 0,
    sleepAfterMs: null,
    connectionsMax: null,
    pidsMax: null,
  },
  deletedAt: null,
  purgeAt: null,
  generation: 1,
  createdAt: '2026-01-01T00:00:00.000Z',
  updatedAt: '2026-01-01T00:00:00.000Z',
  revision,
})

describe('the verdict on a change', () => {
  it('applies the next one', () => expect(verdictOn(7, { seq: 8 })).toBe('apply'))
  it('ignores what the snapshot holds already', () => {
    expect(verdictOn(7, { seq: 7 })).toBe('ignore')
    expect(verdictOn(7, { seq: 3 })).toBe('ignore')
  })
  it('asks again when one was missed', () => expect(verdictOn(7, { seq: 9 })).toBe('resync'))
  it('asks again when there was no snapshot', () =>
    expect(verdictOn(null, { seq: 1 })).toBe('resync'))
})

describe('the list of databases', () => {
  const list = [database('alpha'), database('Beta'), database('gamma')]

  it('takes a new one in by its name, without regard to case', () => {
    expect(withDatabase(list, database('BUS')).map(({ name }) => name)).toEqual([
      'alpha',
      'Beta',
      'BUS',
      'gamma',
    ])
  })

  it('replaces what it knows by what is newer', () => {
    const seen = { ...database('Beta', 2), state: 'stopped' as const }
    expect(withDatabase(list, seen)[1]).toEqual(seen)
  })

  it('keeps what is newer than what was seen', () => {
    const known = [database('alpha', 5)]
    expect(withDatabase(known, database('alpha', 4))).toBe(known)
    expect(newerOf(known[0], database('alpha', 4)).revision).toBe(5)
  })

  it('holds a name once when it was deleted and spawned again', () => {
    const again = database('alpha', 1, 'db_zzzzzzzzzzzz')
    expect(withDatabase(list, again).filter(({ name }) => name === 'alpha')).toEqual([again])
    expect(newerOf(database('alpha', 9), again)).toBe(again)
  })

  it('lets go of a deleted one', () => {
    expect(withoutDatabase(list, list[0]?.id ?? '').map(({ name }) => name)).toEqual([
      'Beta',
      'gamma',
    ])
  })
})
