import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Claim, Idempotency, type KeptAnswer } from './core/idempotency.ts'
import { KyselyStore } from './store/kysely-store.ts'
import { sqliteDialect } from './store/sqlite-dialect.ts'

const REQUEST = { key: 'key', caller: 'admin', content: ['POST', '/', { a: 1 }] }
const DONE = { status: 201, headers: { location: '/x' }, body: '{"password":"p"}' }

let store: KyselyStore
let at: number
beforeEach(async () => {
  at = Date.UTC(2030, 0, 1)
  store = new KyselyStore(sqliteDialect(':memory:'))
  await store.migrate()
})
afterEach(() => store.close())

const gateway = (isStoreExclusive = false) =>
  new Idempotency({
    repo: store.idempotencyKeys,
    log: { info() {}, warn() {}, error: (fields) => expect.fail(JSON.stringify(fields)) },
    isStoreExclusive,
    now: () => new Date(at),
    waitMs: 300,
  })
const claimOf = (claimed: KeptAnswer | Claim): Claim => {
  if ('body' in claimed) throw new Error('there is an answer')
  return claimed
}

test('an answer is kept as it was, for the same caller', async () => {
  const one = gateway()
  await claimOf(await one.claim(REQUEST)).finish(DONE)
  expect(await one.claim(REQUEST)).toEqual(DONE)
  expect(await gateway().claim(REQUEST)).toEqual(DONE)
  claimOf(await one.claim({ ...REQUEST, caller: 'somebody else' }))
})

test('a request at another gateway waits for the first one, and then says that it is busy', async () => {
  const claim = claimOf(await gateway().claim(REQUEST))
  const other = gateway()
  await expect(other.claim(REQUEST)).rejects.toMatchObject({
    code: 'idempotency.busy',
    retryAfterSeconds: 1,
  })
  await expect(other.claim({ ...REQUEST, content: 2 })).rejects.toMatchObject({
    code: 'idempotency.mismatch',
  })
  const waiting = other.claim(REQUEST)
  await claim.finish(DONE)
  expect(await waiting).toEqual(DONE)
})

test('a gateway that shares the store is taken for dead after a while', async () => {
  await gateway().claim(REQUEST)
  at += 60_000
  await expect(gateway().claim(REQUEST)).rejects.toMatchObject({ code: 'idempotency.busy' })
  at += 1
  expect(claimOf(await gateway().claim(REQUEST)).isRepeat).toBe(true)
  await expect(gateway().claim(REQUEST)).rejects.toMatchObject({ code: 'idempotency.busy' })
})

test('of several that take a request over one gets it', async () => {
  await gateway().claim(REQUEST)
  at += 60_001
  const claims = await Promise.allSettled(
    Array.from({ length: 10 }, () => gateway().claim(REQUEST)),
  )
  expect(claims.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
})

test('where there is one gateway alone, an earlier one is dead', async () => {
  const first = claimOf(await gateway(true).claim(REQUEST))
  expect(first.isRepeat).toBe(false)
  const again = claimOf(await gateway(true).claim(REQUEST))
  expect(again).toMatchObject({ isRepeat: true, keyHash: first.keyHash })
})

test.each([500, 503, 408, 429])('%i is no answer to keep', async (status) => {
  const one = gateway()
  await claimOf(await one.claim(REQUEST)).finish({ ...DONE, status })
  expect(claimOf(await one.claim(REQUEST)).isRepeat).toBe(false)
})

test('the store knows neither the key nor the answer', async () => {
  const claim = claimOf(await gateway().claim({ ...REQUEST, key: 'the-very-key' }))
  await claim.finish(DONE)
  const found = await store.idempotencyKeys.find(claim.keyHash)
  const sealed = found?.answer?.sealed ?? ''
  expect(sealed.length).toBeGreaterThan(DONE.body.length)
  for (const text of [
    JSON.stringify({ ...found, keyHash: claim.keyHash }),
    Buffer.from(sealed, 'base64').toString('latin1'),
  ])
    for (const hidden of ['the-very-key', 'password', 'location'])
      expect(text).not.toContain(hidden)
})
