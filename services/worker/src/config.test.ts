import { describe, expect, test } from 'vitest'
import { readConfig } from './config.ts'
import { launchEnv } from './testing/worker-process.ts'

describe('the launch contract', () => {
  test('is read into a config', () => {
    expect(readConfig({ ...launchEnv('/data'), DBFORGE_CONTAINED: '1' })).toEqual({
      databaseId: 'db_abcdefghij12',
      dir: '/data',
      specHash: 'abc',
      maxSizeMb: 256,
      memoryMb: 64,
      contained: true,
    })
  })

  test('may leave out that it is contained', () => {
    expect(readConfig(launchEnv('/data')).contained).toBe(false)
  })

  test('names every problem at once', () => {
    const read = () =>
      readConfig({ DBFORGE_ENGINE: 'oracle', DBFORGE_DATABASE_DIR: 'data', DBFORGE_MEMORY_MB: '0' })
    for (const name of [
      'DATABASE_ID',
      'ENGINE',
      'DATABASE_DIR',
      'SPEC_HASH',
      'MAX_SIZE_MB',
      'MEMORY_MB',
    ])
      expect(read).toThrow(`DBFORGE_${name} must be`)
  })
})
