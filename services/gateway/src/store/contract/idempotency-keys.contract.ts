import { expect, test } from 'vitest'
import type { StoreUnderTest } from './metadata-store.contract.ts'

export function idempotencyKeysContract(current: () => StoreUnderTest): void {
  const keys = () => current().store.idempotencyKeys
  const begin = (keyHash: string, owner = 'a', expiresAt = '2030-01-02T00:00:00.000Z') =>
    keys().begin({ keyHash, fingerprint: 'POST /x', owner, expiresAt: new Date(expiresAt) })

  test('a request begins once and is answered for whoever repeats it', async () => {
    expect(await keys().find('k')).toBeNull()
    expect(await begin('k')).toBe(true)
    expect(await begin('k', 'b')).toBe(false)
    expect(await keys().find('k')).toEqual({ fingerprint: 'POST /x', owner: 'a', answer: null })
    await keys().finish('k', { status: 201, sealed: 'sealed' })
    expect(await keys().find('k')).toMatchObject({ answer: { status: 201, sealed: 'sealed' } })
    expect(await begin('k', 'b')).toBe(false)
  })

  test('of many that would begin it at once one does', async () => {
    const begun = await Promise.all(Array.from({ length: 10 }, (_, at) => begin('k', `${at}`)))
    expect(begun.filter(Boolean)).toHaveLength(1)
  })

  test('it is taken over from whom it was left by, unless there is an answer', async () => {
    await begin('k')
    expect(await keys().takeOver('k', 'b', 'c')).toBe(false)
    expect(await keys().takeOver('k', 'a', 'b')).toBe(true)
    expect(await keys().takeOver('k', 'a', 'c')).toBe(false)
    await keys().finish('k', { status: 200, sealed: 's' })
    expect(await keys().takeOver('k', 'b', 'c')).toBe(false)
    expect(await keys().takeOver('other', null, 'c')).toBe(false)
  })

  test('one that came to nothing can begin again', async () => {
    await begin('k')
    await keys().forget('k')
    expect(await keys().find('k')).toBeNull()
    expect(await begin('k', 'b')).toBe(true)
  })

  test('answers are kept until their time', async () => {
    await begin('old', 'a', '2030-01-01T00:00:00.000Z')
    await begin('new', 'a', '2030-01-01T00:00:00.001Z')
    await keys().deleteExpired(new Date('2030-01-01T00:00:00.000Z'))
    expect(await keys().find('old')).toBeNull()
    expect(await keys().find('new')).not.toBeNull()
  })
}
