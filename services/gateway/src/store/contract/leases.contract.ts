import { expect, test } from 'vitest'
import type { Lease } from '../metadata-store.ts'
import type { StoreUnderTest } from './metadata-store.contract.ts'

export function leasesContract(current: () => StoreUnderTest): void {
  const leases = () => current().store.leases
  const taken = async (owner: string, before: Lease | null): Promise<Lease> => {
    const lease = await leases().take('leader', owner, before)
    if (!lease) throw new Error('somebody was faster')
    return lease
  }

  test('a lease is taken, renewed, let go and taken again', async () => {
    expect(await leases().find('leader')).toBeNull()
    const first = await taken('a', null)
    expect(first).toEqual({ name: 'leader', owner: 'a', fence: 1, beat: 0 })
    const renewed = await leases().renew(first)
    expect(renewed).toEqual({ ...first, beat: 1 })
    await leases().release({ ...first, beat: 1 })
    const free = await leases().find('leader')
    expect(free).toMatchObject({ owner: null, fence: 1 })
    expect(await taken('b', free)).toMatchObject({ owner: 'b', fence: 2 })
  })

  test('a lease that has been renewed since it was seen cannot be taken', async () => {
    const seen = await taken('a', null)
    await leases().renew(seen)
    expect(await leases().take('leader', 'b', seen)).toBeNull()
    expect(await leases().take('leader', 'b', null)).toBeNull()
    expect(await leases().find('leader')).toMatchObject({ owner: 'a', fence: 1, beat: 1 })
  })

  test('one that has lost it can neither renew it nor let it go', async () => {
    const lost = await taken('a', null)
    const held = await taken('b', lost)
    expect(held).toEqual({ name: 'leader', owner: 'b', fence: 2, beat: 0 })
    expect(await leases().renew(lost)).toBeNull()
    await leases().release(lost)
    expect(await leases().find('leader')).toEqual(held)
  })

  test('what was let go cannot be renewed', async () => {
    const lease = await taken('a', null)
    await leases().release(lease)
    expect(await leases().renew(lease)).toBeNull()
  })

  test('of many that would take it at once one does', async () => {
    const first = await Promise.all(
      Array.from({ length: 10 }, (_, at) => leases().take('x', `owner ${at}`, null)),
    )
    expect(first.filter((lease) => lease !== null)).toHaveLength(1)
    const seen = await leases().find('x')
    const again = await Promise.all(
      Array.from({ length: 10 }, (_, at) => leases().take('x', `next ${at}`, seen)),
    )
    expect(again.filter((lease) => lease !== null)).toHaveLength(1)
    expect(await leases().find('x')).toMatchObject({ fence: 2 })
  })
}
