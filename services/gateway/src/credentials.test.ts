import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Credentials } from './core/credentials.ts'
import { KyselyStore } from './store/kysely-store.ts'
import { sqliteDialect } from './store/sqlite-dialect.ts'
import { tokenFile } from './token-file.ts'

let folder: string
let store: KyselyStore

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dbf-'))
  store = new KyselyStore(sqliteDialect(':memory:'))
  await store.migrate()
})
afterEach(async () => {
  await store.close()
  await rm(folder, { recursive: true })
})

/** A gateway as it starts, with secrets of its own or with those of others. */
async function gateway(secrets: string, configured?: string) {
  const credentials = new Credentials(store)
  const file = tokenFile(join(folder, secrets))
  return { credentials, file, shown: await credentials.prepare(configured, file) }
}
const written = (secrets: string) => readFile(join(folder, secrets, 'admin-token'), 'utf8')

test('the token is shown once, kept for its owner alone, and holds at the next start', async () => {
  const first = await gateway('a')
  expect(first.shown).toMatch(/^dbf_.{43}$/)
  expect(await written('a')).toBe(`${first.shown}\n`)
  expect((await stat(first.file.path)).mode & 0o777).toBe(0o600)
  expect(await readdir(join(folder, 'a'))).toEqual(['admin-token'])
  const next = await gateway('a')
  expect(next.shown).toBeNull()
  expect(next.credentials.isAdminToken(first.shown ?? '')).toBe(true)
  expect(next.credentials.isAdminToken('another')).toBe(false)
})

test.each([
  ['one folder for secrets', ['a', 'a', 'a', 'a']],
  ['a folder each', ['a', 'b', 'c', 'd']],
])('gateways that start at once on an empty store agree on one token: %s', async (_, folders) => {
  const all = await Promise.all(folders.map((secrets) => gateway(secrets)))
  const shown = all.flatMap((one) => (one.shown === null ? [] : [one.shown]))
  expect(shown).toHaveLength(1)
  for (const { credentials } of all) expect(credentials.isAdminToken(shown[0] ?? '')).toBe(true)
  const files = (await readdir(folder, { recursive: true })).filter((name) => /token/.test(name))
  expect(files).toHaveLength(1)
  expect(await readFile(join(folder, files[0] ?? ''), 'utf8')).toBe(`${shown[0]}\n`)
})

test('a token that was put into the file holds, and so does one from the settings', async () => {
  await gateway('a')
  await writeFile(join(folder, 'a/admin-token'), 'chosen-by-hand\n')
  expect((await gateway('a')).credentials.isAdminToken('chosen-by-hand')).toBe(true)
  // Without the file the store’s hash holds.
  expect((await gateway('elsewhere')).credentials.isAdminToken('chosen-by-hand')).toBe(true)
  const configured = await gateway('a', 'from-the-settings')
  expect(configured.credentials.isAdminToken('from-the-settings')).toBe(true)
  expect(configured.credentials.isAdminToken('chosen-by-hand')).toBe(false)
})

test('a file that is there stays as it is, unless it is empty', async () => {
  const file = tokenFile(join(folder, 'b'))
  expect(await file.create('first')).toBe('first')
  expect(await file.create('second')).toBe('first')
  await writeFile(file.path, '\n')
  expect(await file.create('third')).toBe('third')
  await file.remove()
  await file.remove()
  expect(await file.read()).toBeNull()
})
