import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EXIT, StartError } from '@db-forge/worker-kit'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { findBinaries } from './binaries.ts'

describe('PostgreSQL’s programs', () => {
  let dir: string
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'dbf-bin-'))
  })
  afterEach(() => rmSync(dir, { recursive: true }))

  function install(version: string, names = ['postgres', 'initdb']): void {
    for (const name of names) {
      const path = join(dir, name)
      writeFileSync(
        path,
        `#!/bin/sh\necho '${name} (PostgreSQL) ${version} (Debian ${version}-1)'\n`,
      )
      chmodSync(path, 0o755)
    }
  }

  function refusal(major: number | null): StartError {
    try {
      findBinaries({ dir, major })
    } catch (error) {
      if (error instanceof StartError) return error
      throw error
    }
    throw new Error('it was not refused')
  }

  test('have a version, which must be that of the data', () => {
    install('17.12')
    expect(findBinaries({ dir, major: null })).toEqual({ dir, version: '17.12', major: 17 })
    expect(findBinaries({ dir, major: 17 }).version).toBe('17.12')
    expect(refusal(16)).toMatchObject({
      exitCode: EXIT.engineUnavailable,
      message: 'the data was made by PostgreSQL 16; found: 17.12',
    })
  })

  test('that are too old, or not all there, are none', () => {
    install('14.9')
    expect(refusal(null).message).toContain('found: 14.9')
    rmSync(join(dir, 'initdb'))
    expect(refusal(null).message).toContain('neither the machine nor npm has it')
  })
})
