import { expect, test } from 'vitest'
import { NameTakenError } from '../metadata-store.ts'
import { draft } from './databases.contract.ts'
import type { StoreUnderTest } from './metadata-store.contract.ts'

export function slotsContract(current: () => StoreUnderTest): void {
  const store = () => current().store
  const ready = async (id: string) => {
    const slot = await store().slots.insert(draft(id, '').id, 'sqlite')
    await store().slots.move(slot.id, 'making', 'ready')
    return slot.id
  }

  test('a slot is made, moved from the state that it is in alone, and deleted', async () => {
    const { slots } = store()
    const slot = await slots.insert(draft('a', '').id, 'postgres')
    expect(slot).toEqual({ id: draft('a', '').id, engine: 'postgres', state: 'making' })
    expect(await slots.move(slot.id, 'ready', 'retiring')).toBe(false)
    expect(await slots.move(slot.id, 'making', 'ready')).toBe(true)
    expect(await slots.move(slot.id, 'making', 'ready')).toBe(false)
    expect(await slots.all()).toEqual([{ ...slot, state: 'ready' }])
    await slots.delete(slot.id)
    expect(await slots.all()).toEqual([])
    expect(await slots.move(slot.id, 'ready', 'retiring')).toBe(false)
  })

  test('slots are listed the oldest first', async () => {
    for (const [at, id] of ['c', 'a', 'b'].entries()) {
      current().setTime(`2030-01-01T00:00:0${at}.000Z`)
      await store().slots.insert(draft(id, '').id, 'sqlite')
    }
    const ids = (await store().slots.all()).map(({ id }) => id)
    expect(ids).toEqual(['c', 'a', 'b'].map((id) => draft(id, '').id))
  })

  test('a slot becomes the database that claims it', async () => {
    const id = await ready('a')
    const row = await store().databases.claim(draft('a', 'shop'))
    expect(row).toMatchObject({ id, name: 'shop', revision: 1, generation: 1 })
    expect(await store().slots.all()).toEqual([])
    expect(await store().databases.findByName('shop')).toEqual(row)
  })

  test('a slot that is gone, or not ready, cannot be claimed', async () => {
    await store().slots.insert(draft('a', '').id, 'sqlite')
    expect(await store().databases.claim(draft('a', 'shop'))).toBeNull()
    expect(await store().databases.claim(draft('b', 'shop'))).toBeNull()
    expect(await store().slots.all()).toHaveLength(1)
    expect(await store().databases.all()).toEqual([])
  })

  test('a claim for a name that is taken leaves the slot', async () => {
    const id = await ready('a')
    await store().databases.insert(draft('b', 'Shop'))
    await expect(store().databases.claim(draft('a', 'shop'))).rejects.toThrow(NameTakenError)
    expect(await store().slots.all()).toEqual([{ id, engine: 'sqlite', state: 'ready' }])
    expect(await store().databases.claim(draft('a', 'store'))).toMatchObject({ id })
  })

  test('of many claims of one slot at once one succeeds', async () => {
    await ready('a')
    const claims = Array.from({ length: 10 }, (_, at) =>
      store().databases.claim(draft('a', `shop-${at}`)),
    )
    expect((await Promise.all(claims)).filter((row) => row !== null)).toHaveLength(1)
    expect(await store().databases.all()).toHaveLength(1)
  })

  test('of many claims and inserts of one name at once one succeeds; the other slots stay', async () => {
    const ids = ['a', 'b', 'c', 'd']
    for (const id of ids) await ready(id)
    const { databases } = store()
    const settled = await Promise.allSettled(
      ids.flatMap((id) => [
        databases.claim(draft(id, 'shop')),
        databases.insert(draft(`${id}x`, 'SHOP')),
      ]),
    )
    const won = settled.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
    expect(won).toHaveLength(1)
    for (const result of settled)
      if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(NameTakenError)
    const claimed = ids.some((id) => draft(id, '').id === won[0]?.id)
    expect(await store().slots.all()).toHaveLength(claimed ? ids.length - 1 : ids.length)
  })
}
