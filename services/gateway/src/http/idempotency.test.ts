import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Problem, SpawnedDatabase } from '@db-forge/contract'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { KyselyStore } from '../store/kysely-store.ts'
import { sqliteDialect } from '../store/sqlite-dialect.ts'
import { engineSuite } from '../testing/engine-suites.ts'
import { ADMIN_TOKEN, openTestGateway, type TestGateway } from '../testing/test-gateway.ts'

let g: TestGateway
beforeAll(async () => {
  g = await openTestGateway()
  await spawn('shop')
  await sql('create table t (x)')
})
afterAll(() => g.destroy())

const post = <T = Problem>(path: string, key: string | undefined, body?: unknown) =>
  g.call<T>('POST', path, body, key === undefined ? {} : { 'idempotency-key': key })
const spawn = (name: string, key?: string, body?: object) =>
  post<SpawnedDatabase & Problem>(`/admin/databases/spawn/${name}`, key, body)
const sql = (text: string) =>
  g.call<{ rows: { n: number }[] }>('POST', '/api/db/shop/query', { sql: text })
const insert = (key: string | undefined, x: unknown, query = '') =>
  post(`/api/db/shop/tables/t/rows${query}`, key, { x })
const count = async (x: unknown) =>
  (await sql(`select count(*) as n from t where x = '${x}'`)).body.rows[0]?.n

/** The store as a gateway leaves it that dies between what it did and its answer. */
async function reopenAfterDeath(change: (store: KyselyStore) => Promise<void>): Promise<void> {
  await g.gateway.close()
  const store = new KyselyStore(sqliteDialect(join(g.config.dataDir, 'meta/store.sqlite')))
  await change(store)
  await store.close()
  g = await g.reopen()
}

/** Brings the record of a key back to what it was while its request ran. */
async function unfinish(store: KyselyStore, keyHash: string): Promise<void> {
  const found = await store.idempotencyKeys.find(keyHash)
  await store.idempotencyKeys.forget(keyHash)
  await store.idempotencyKeys.begin({
    keyHash,
    fingerprint: found?.fingerprint ?? '',
    owner: 'another 2030-01-01T00:00:00.000Z',
    expiresAt: new Date(Date.now() + 3_600_000),
  })
}

describe('a request with an idempotency key', () => {
  test('is done once and answered twice the same', async () => {
    const first = await insert('once-1', 'once', '?returning=true')
    const second = await insert('once-1', 'once', '?returning=true')
    expect(first).toMatchObject({ status: 201 })
    expect(first.headers).not.toHaveProperty('idempotent-replayed')
    expect(second).toMatchObject({
      status: 201,
      body: first.body,
      headers: {
        'idempotent-replayed': 'true',
        'content-type': first.headers['content-type'],
      },
    })
    expect(await count('once')).toBe(1)
    await insert('once-2', 'once')
    expect(await count('once')).toBe(2)
  })

  test('without a key each request is a request of its own', async () => {
    await insert(undefined, 'free')
    await insert(undefined, 'free')
    expect(await count('free')).toBe(2)
  })

  test('of twenty at once one is done, and all get its answer', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => insert('at-once', 'herd', '?returning=true')),
    )
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]))
    expect(new Set(answers.map(({ body }) => JSON.stringify(body))).size).toBe(1)
    expect(answers.filter(({ headers }) => headers['idempotent-replayed'] === 'true')).toHaveLength(
      19,
    )
    expect(await count('herd')).toBe(1)
  })

  test('of twenty spawns at once each says that it made the database', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => spawn('crowd', 'crowd-1')))
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(201))
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1)
    expect(await spawn('crowd', 'crowd-2')).toMatchObject({ status: 200 })
  })

  test('that differs from the first one with its key is refused', async () => {
    await insert('differs', 'a')
    const mismatch = { status: 422, body: { code: 'idempotency.mismatch' } }
    expect(await insert('differs', 'b')).toMatchObject(mismatch)
    expect(await insert('differs', 'a', '?returning=true')).toMatchObject(mismatch)
    expect(await spawn('differs', 'differs')).toMatchObject(mismatch)
    expect(await insert('differs', 9007199254740993n.toString())).toMatchObject(mismatch)
    expect(await count('b')).toBe(0)
  })

  test('integers that a double would round are told apart', async () => {
    const body = (digits: string) => `{"x":${digits}}`
    const path = '/api/db/shop/tables/t/rows'
    expect(await post(path, 'digits', body('9007199254740993'))).toMatchObject({ status: 201 })
    expect(await post(path, 'digits', body('9007199254740992'))).toMatchObject({ status: 422 })
    expect(await post(path, 'digits', body('9007199254740993'))).toMatchObject({ status: 201 })
  })

  test('that was refused is refused again, for the reason it had then', async () => {
    const path = '/api/db/shop/tables/later/rows'
    const missing = { status: 404, body: { code: 'table.not_found' } }
    expect(await post(path, 'refused', { x: 1 })).toMatchObject(missing)
    await sql('create table later (x)')
    const again = await post(path, 'refused', { x: 1 })
    expect(again).toMatchObject({ ...missing, headers: { 'idempotent-replayed': 'true' } })
    expect(again.headers['content-type']).toContain('application/problem+json')
    expect(await post(path, 'refused-2', { x: 1 })).toMatchObject({ status: 201 })
  })

  test('that failed with 500 or above may be tried again', async () => {
    await spawn('small', undefined, { maxSizeMb: 1 })
    await g.call('POST', '/api/db/small/query', { sql: 'create table t (x)' })
    const path = '/api/db/small/tables/t/rows'
    const row = { x: 'z'.repeat(2_000_000) }
    expect(await post(path, 'failed', row)).toMatchObject({
      status: 507,
      body: { code: 'quota.exceeded' },
    })
    await g.call('PATCH', '/admin/databases/small', { maxSizeMb: 50 })
    const again = await post(path, 'failed', row)
    expect(again).toMatchObject({ status: 201 })
    expect(again.headers).not.toHaveProperty('idempotent-replayed')
  })

  test.each(['', ' ', 'two words', 'ümlaut', 'x'.repeat(256)])('key %j is none', async (key) => {
    const answer = await insert(key, 'invalid')
    expect(answer).toMatchObject({
      status: 400,
      body: { code: 'request.invalid', errors: [{ parameter: 'Idempotency-Key' }] },
    })
    expect(await count('invalid')).toBe(0)
  })

  test('is done even if nobody waits for it, and who asks again learns of it', async () => {
    const leaving = new AbortController()
    await g.fetch('GET', '/health')
    const url = `http://127.0.0.1:${(g.gateway.app.server.address() as { port: number }).port}`
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}`, 'idempotency-key': 'leaver' }
    const path = `${url}/admin/databases/spawn/leaver`
    const first = fetch(path, { method: 'POST', headers, signal: leaving.signal })
    await sleep(20)
    leaving.abort()
    await expect(first).rejects.toThrow()
    const second = await fetch(path, { method: 'POST', headers })
    expect(second.status).toBe(201)
    expect(second.headers.get('idempotent-replayed')).toBe('true')
  })

  test('whose answer is too large to be kept is not done twice', async () => {
    const large = 'y'.repeat(1_100_000)
    expect(await insert('large', large, '?returning=true')).toMatchObject({ status: 201 })
    expect(await insert('large', large, '?returning=true')).toMatchObject({
      status: 409,
      body: { code: 'idempotency.lost' },
    })
    expect((await sql('select count(*) as n from t where length(x) > 1000000')).body).toMatchObject(
      {
        rows: [{ n: 1 }],
      },
    )
  })

  test('is remembered by the next gateway', async () => {
    await insert('kept', 'kept')
    g = await g.reopen()
    expect((await insert('kept', 'kept')).headers).toHaveProperty('idempotent-replayed', 'true')
    expect(await count('kept')).toBe(1)
  })

  test('is forgotten after its time', async () => {
    await insert('old', 'old')
    await reopenAfterDeath((store) =>
      store.idempotencyKeys.deleteExpired(new Date(Date.now() + 24 * 3_600_000 + 1000)),
    )
    expect(await insert('old', 'old')).toMatchObject({ status: 201 })
    expect(await count('old')).toBe(2)
  })
})

describe('a gateway that died between what it did and its answer', () => {
  test('a spawn counts as made when it is asked for again, and only by the same key', async () => {
    const made = await spawn('orphan', 'orphan-1')
    await reopenAfterDeath(async (store) => {
      const { origin } = (await store.databases.findByName('orphan')) ?? {}
      await unfinish(store, origin ?? '')
    })
    expect(await spawn('orphan', 'orphan-2')).toMatchObject({ status: 200 })
    const again = await spawn('orphan', 'orphan-1')
    expect(again).toMatchObject({ status: 201, body: { id: made.body.id, state: 'running' } })
    expect(again.headers).not.toHaveProperty('idempotent-replayed')
    expect((await spawn('orphan', 'orphan-1')).headers).toHaveProperty('idempotent-replayed')
  })

  test('a key that has become free again does not claim what it made long ago', async () => {
    await spawn('settled', 'settled-1')
    await reopenAfterDeath(async (store) => {
      const { origin } = (await store.databases.findByName('settled')) ?? {}
      await store.idempotencyKeys.forget(origin ?? '')
    })
    expect(await spawn('settled', 'settled-1')).toMatchObject({ status: 200 })
  })
})

engineSuite('postgres', 'a spawn that answers a password', () => {
  const signedIn = (body: SpawnedDatabase) => body.credentials?.password ?? ''
  const files = async () =>
    Buffer.concat(
      await Promise.all(
        ['store.sqlite', 'store.sqlite-wal'].map((name) =>
          readFile(join(g.config.dataDir, 'meta', name)).catch(() => Buffer.alloc(0)),
        ),
      ),
    )

  test('answers the same one again, and the store cannot be read for it', async () => {
    const key = 'b7f2f9a4-2f5d-4f0e-9d55-1d6a0d2a5d11'
    const first = await spawn('secret', key, { engine: 'postgres' })
    const second = await spawn('secret', key, { engine: 'postgres' })
    expect(signedIn(first.body)).toMatch(/^.{16,}$/)
    expect(second.body).toEqual(first.body)
    const stored = await files()
    expect(stored.includes('idempotency_keys')).toBe(true)
    for (const hidden of [key, signedIn(first.body)])
      for (const form of [hidden, Buffer.from(hidden).toString('base64').replace(/=+$/, '')])
        expect(stored.includes(form)).toBe(false)
    const renewed = await post<{ password: string }>(
      '/admin/databases/secret/credentials',
      'renew',
      {},
    )
    expect((await post('/admin/databases/secret/credentials', 'renew', {})).body).toEqual(
      renewed.body,
    )
    expect(renewed.body.password).not.toBe(signedIn(first.body))
  })

  test('of which the answer was lost gives a new password', async () => {
    const first = await spawn('lost', 'lost-1', { engine: 'postgres' })
    await reopenAfterDeath(async (store) => {
      const { origin } = (await store.databases.findByName('lost')) ?? {}
      await unfinish(store, origin ?? '')
    })
    const again = await spawn('lost', 'lost-1', { engine: 'postgres' })
    expect(again).toMatchObject({ status: 201, body: { id: first.body.id } })
    expect(signedIn(again.body)).toMatch(/^.{16,}$/)
    expect(signedIn(again.body)).not.toBe(signedIn(first.body))
  })
})

test('the documentation names the header and its answers', async () => {
  const { body } = await g.call<{ paths: Record<string, Record<string, Operation>> }>(
    'GET',
    '/openapi.json',
  )
  const headers = (path: string, method: string) =>
    (body.paths[path]?.[method]?.parameters ?? [])
      .filter((parameter) => parameter.in === 'header')
      .map(({ name }) => name)
  expect(headers('/admin/databases/spawn/{name}', 'post')).toEqual(['Idempotency-Key'])
  expect(headers('/admin/databases/{name}/restart', 'post')).toEqual(['Idempotency-Key', 'Prefer'])
  expect(headers('/admin/databases/{name}', 'delete')).toEqual(['Prefer'])
  expect(headers('/admin/databases/{name}', 'get')).toEqual([])
  const { responses } = body.paths['/admin/databases/{name}/restart']?.['post'] ?? {}
  expect(Object.keys(responses ?? {})).toEqual(expect.arrayContaining(['200', '202', '409', '422']))
})

interface Operation {
  readonly parameters?: readonly { readonly in: string; readonly name: string }[]
  readonly responses: Record<string, unknown>
}
