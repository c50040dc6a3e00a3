import { X509Certificate } from 'node:crypto'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSecureContext } from 'node:tls'
import { expect, onTestFinished, test } from 'vitest'
import { ownCertificate } from './certificate.ts'

async function folder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'dbf-'))
  onTestFinished(() => rm(dir, { recursive: true, force: true }))
  return dir
}

test('a certificate is made once, for the names that this machine has for it', async () => {
  const dir = await folder()
  const made = await ownCertificate(dir, 'db.example.org')
  const parsed = new X509Certificate(made.cert)
  for (const name of ['localhost', 'shop.db.localhost', 'db.example.org'])
    expect(parsed.checkHost(name)).toBeDefined()
  for (const address of ['127.0.0.1', '::1']) expect(parsed.checkIP(address)).toBeDefined()
  expect(() => createSecureContext(made)).not.toThrow()
  expect((await stat(join(dir, 'pg-server.key'))).mode & 0o777).toBe(0o600)
  expect(await ownCertificate(dir, 'db.example.org')).toEqual(made)
})

test('one that cannot be read is made anew', async () => {
  const dir = await folder()
  const first = await ownCertificate(dir, '127.0.0.1')
  await writeFile(join(dir, 'pg-server.crt'), 'nonsense')
  const second = await ownCertificate(dir, '127.0.0.1')
  expect(second.cert).not.toBe(first.cert)
  expect(await readFile(join(dir, 'pg-server.crt'), 'utf8')).toBe(second.cert)
})
