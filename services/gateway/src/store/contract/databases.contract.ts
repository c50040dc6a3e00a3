import { expect, test } from 'vitest'
import { type DatabaseDraft, listKey, NameTakenError } from '../metadata-store.ts'
import type { StoreUnderTest } from './metadata-store.contract.ts'

export const draft = (id: string, name: string): DatabaseDraft => ({
  id: `db_${id.padEnd(12, '2')}`,
  name,
  engine: 'sqlite',
  engineVersion: null,
  state: 'starting',
  desired: 'running',
  origin: null,
  limits: {
    memoryMb: 64,
    cpus: 0.5,
    maxSizeMb: 10,
    queryTimeoutMs: 30_000,
    sessionQueryTimeoutMs: 0,
    sleepAfterMs: null,
    connectionsMax: null,
    pidsMax: null,
  },
})

export function databasesContract(current: () => StoreUnderTest): void {
  const repo = () => current().store.databases
  const names = async (query: object) =>
    (await repo().list({ limit: 10, ...query })).map(({ name }) => name)
  const bury = async (id: string, name: string, deletedAt: string) => {
    const { id: made } = await repo().insert(draft(id, name))
    const purgeAt = '2031-01-01T00:00:00.000Z'
    const patch = { state: 'deleted', desired: 'deleted', deletedAt, purgeAt } as const
    const row = await repo().update(made, 1, patch)
    if (!row) throw new Error('the row is gone')
    return row
  }

  test('a new row is filled in, and read as it was written', async () => {
    const row = await repo().insert({ ...draft('a', 'Shop'), origin: 'hash' })
    expect(row).toEqual({
      ...draft('a', 'Shop'),
      origin: 'hash',
      reason: null,
      generation: 1,
      deletedAt: null,
      purgeAt: null,
      createdAt: '2030-01-01T00:00:00.000Z',
      updatedAt: '2030-01-01T00:00:00.000Z',
      revision: 1,
    })
    expect(await repo().find(row.id)).toEqual(row)
    expect(await repo().all()).toEqual([row])
  })

  test('a name is taken whatever its case', async () => {
    await repo().insert(draft('a', 'Shop'))
    await expect(repo().insert(draft('b', 'sHOP'))).rejects.toThrow(NameTakenError)
    expect(await repo().findByName('SHOP')).toMatchObject({ name: 'Shop', revision: 1 })
    expect(await repo().findByName('shops')).toBeNull()
  })

  test('of many inserts of one name at once one succeeds', async () => {
    const inserts = Array.from({ length: 20 }, (_, at) => repo().insert(draft(`c${at}`, 'race')))
    const settled = await Promise.allSettled(inserts)
    expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    for (const result of settled)
      if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(NameTakenError)
  })

  test('a stale writer is refused', async () => {
    const row = await repo().insert(draft('a', 'x'))
    current().setTime('2030-01-01T00:00:01.000Z')
    const updated = await repo().update(row.id, row.revision, {
      state: 'running',
      limits: { ...row.limits, cpus: 2 },
      generation: 2,
    })
    expect(updated).toEqual({
      ...row,
      state: 'running',
      limits: { ...row.limits, cpus: 2 },
      generation: 2,
      updatedAt: '2030-01-01T00:00:01.000Z',
      revision: 2,
    })
    expect(await repo().update(row.id, row.revision, { state: 'failed' })).toBeNull()
    expect(await repo().find(row.id)).toEqual(updated)
  })

  test('of many updates of one revision at once one succeeds', async () => {
    const { id } = await repo().insert(draft('a', 'x'))
    const updates = Array.from({ length: 20 }, (_, at) =>
      repo().update(id, 1, { reason: String(at) }),
    )
    expect((await Promise.all(updates)).filter((row) => row !== null)).toHaveLength(1)
    expect(await repo().find(id)).toMatchObject({ revision: 2 })
  })

  test('a row that is deleted is gone', async () => {
    const { id } = await repo().insert(draft('a', 'x'))
    await repo().delete(id)
    expect(await repo().find(id)).toBeNull()
    expect(await repo().update(id, 1, { state: 'running' })).toBeNull()
  })

  test('a list is in the order of bytes, filtered and cut', async () => {
    const made = ['b', 'A_1', 'c', 'Ax1', 'a1', 'a-1']
    for (const name of made) await repo().insert(draft(name.replace(/\W/g, '0'), name))
    await repo().insert({ ...draft('pg', 'd'), engine: 'postgres', state: 'running' })
    expect(await names({})).toEqual(['a-1', 'a1', 'A_1', 'Ax1', 'b', 'c', 'd'])
    expect(await names({ search: 'A_' })).toEqual(['A_1'])
    expect(await names({ search: '1', limit: 2 })).toEqual(['a-1', 'a1'])
    expect(await names({ search: '%' })).toEqual([])
    expect(await names({ search: '\\' })).toEqual([])
    expect(await names({ state: 'running' })).toEqual(['d'])
    expect(await names({ engine: 'postgres' })).toEqual(['d'])
    expect(await names({ engine: 'sqlite', after: 'ax1' })).toEqual(['b', 'c'])
  })

  test('a list goes on after the key of any of its rows', async () => {
    for (const name of ['b', 'A_1', 'Ax1', 'a1', 'a-1'])
      await repo().insert(draft(name.replace(/\W/g, '0'), name))
    const seen: string[] = []
    for (let after: string | undefined; ; ) {
      const [row] = await repo().list({ limit: 1, after })
      if (!row) break
      seen.push(row.name)
      after = listKey(row)
    }
    expect(seen).toEqual(['a-1', 'a1', 'A_1', 'Ax1', 'b'])
  })

  test('a tombstone leaves its name free, and the list', async () => {
    const row = await bury('a', 'Shop', '2030-01-01T00:00:00.000Z')
    expect(row).toMatchObject({
      name: 'Shop',
      deletedAt: '2030-01-01T00:00:00.000Z',
      purgeAt: '2031-01-01T00:00:00.000Z',
    })
    expect(await repo().findByName('shop')).toBeNull()
    const next = await repo().insert(draft('b', 'shop'))
    expect(await repo().findByName('SHOP')).toEqual(next)
    expect(await names({})).toEqual(['shop'])
    expect(await repo().find(row.id)).toEqual(row)
    expect(await repo().all()).toHaveLength(2)
  })

  test('tombstones are listed by themselves, in the order of their deletion', async () => {
    await repo().insert(draft('live', 'live'))
    await bury('late', 'a', '2030-03-01T00:00:00.000Z')
    await bury('early', 'Zebra', '2030-01-01T00:00:00.000Z')
    const middle = await bury('middle', 'm', '2030-02-01T00:00:00.000Z')
    expect(await names({ state: 'deleted' })).toEqual(['Zebra', 'm', 'a'])
    expect(await names({ state: 'deleted', after: listKey(middle) })).toEqual(['a'])
    expect(await names({ state: 'deleted', limit: 1 })).toEqual(['Zebra'])
    expect(await names({ state: 'deleted', search: 'zeb' })).toEqual(['Zebra'])
    expect(await names({ state: 'deleting' })).toEqual([])
  })

  test('two tombstones of one moment have keys of their own', async () => {
    const at = '2030-01-01T00:00:00.000Z'
    const first = await bury('a', 'x', at)
    await bury('b', 'x', at)
    expect(await names({ state: 'deleted' })).toEqual(['x', 'x'])
    expect(await repo().list({ state: 'deleted', limit: 9, after: listKey(first) })).toHaveLength(1)
  })

  test('a tombstone comes back under a name that is free, and under no other', async () => {
    const row = await bury('a', 'Shop', '2030-01-01T00:00:00.000Z')
    await repo().insert(draft('b', 'shop'))
    const back = { deletedAt: null, purgeAt: null, state: 'stopped', desired: 'stopped' } as const
    await expect(repo().update(row.id, row.revision, { ...back, name: 'SHOP' })).rejects.toThrow(
      NameTakenError,
    )
    expect(await repo().find(row.id)).toEqual(row)
    const restored = await repo().update(row.id, row.revision, { ...back, name: 'Shop-2' })
    expect(restored).toMatchObject({ name: 'Shop-2', deletedAt: null, purgeAt: null })
    expect(await repo().findByName('shop-2')).toEqual(restored)
    expect(await names({})).toEqual(['shop', 'Shop-2'])
  })

  test('a database takes another name, whose case alone may differ', async () => {
    const { id } = await repo().insert(draft('a', 'shop'))
    await repo().insert(draft('b', 'other'))
    expect(await repo().update(id, 1, { name: 'SHOP' })).toMatchObject({ name: 'SHOP' })
    await expect(repo().update(id, 2, { name: 'Other' })).rejects.toThrow(NameTakenError)
    expect(await repo().update(id, 2, { name: 'store' })).toMatchObject({ name: 'store' })
    expect(await repo().findByName('shop')).toBeNull()
  })
}
