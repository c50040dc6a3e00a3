import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ConfigError, readConfig } from './config.ts'

describe('settings', () => {
  test('there are defaults for everything', () => {
    expect(readConfig({}, true)).toMatchObject({
      host: '127.0.0.1',
      port: 8080,
      runtime: 'auto',
      logFormat: 'pretty',
    })
  })

  test('every problem is reported at once', () => {
    const read = () =>
      readConfig({ DBFORGE_PORT: 'x', DBFORGE_RUNTIME: 'vm', DBFORGE_PROT: '1' }, false)
    expect(read).toThrow(ConfigError)
    expect(read).toThrow(/DBFORGE_PORT[\s\S]*DBFORGE_RUNTIME|DBFORGE_RUNTIME[\s\S]*DBFORGE_PORT/)
    expect(read).toThrow(/DBFORGE_PROT: there is no such setting/)
  })

  test('a secret may come from a file', () => {
    const file = join(mkdtempSync(join(tmpdir(), 'dbf-')), 'token')
    writeFileSync(file, 'a-secret-of-some-length\n')
    expect(readConfig({ DBFORGE_ADMIN_TOKEN_FILE: file }, false).adminToken).toBe(
      'a-secret-of-some-length',
    )
    expect(() => readConfig({ DBFORGE_ADMIN_TOKEN_FILE: '/nowhere' }, false)).toThrow(/ENOENT/)
    expect(() =>
      readConfig(
        { DBFORGE_ADMIN_TOKEN_FILE: file, DBFORGE_ADMIN_TOKEN: 'another-secret-token' },
        false,
      ),
    ).toThrow(/set here and through/)
  })

  test('the store is a file or a database of PostgreSQL, whose password no message repeats', () => {
    const read = (DBFORGE_STORE_URL: string) => readConfig({ DBFORGE_STORE_URL }, false).storeUrl
    for (const url of [
      'sqlite:/data/store.sqlite',
      'postgres://me:secret@db.example:5432/forge?sslmode=verify-full',
      'postgresql://me@/forge?host=/run/postgresql',
    ])
      expect(read(url)).toBe(url)
    for (const url of ['postgres://me:secret@db:port/forge', 'postgres:secret', 'mysql://secret']) {
      let message = ''
      try {
        read(url)
      } catch (error) {
        message = String(error)
      }
      expect(message).toContain('DBFORGE_STORE_URL')
      expect(message).not.toContain('secret')
    }
  })

  test('an empty variable counts as absent', () => {
    expect(readConfig({ DBFORGE_ADMIN_TOKEN: '' }, false).adminToken).toBeUndefined()
  })
})
