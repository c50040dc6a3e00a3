import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const SCRIPT = fileURLToPath(new URL('../../../../scripts/fuzz.mjs', import.meta.url))

test('what the guard lets pass is harmless to an authorizer that shares no line with it', async ({
  skip,
}) => {
  const { stdout } = await promisify(execFile)(process.execPath, [SCRIPT, '--statements', '20000'])
  const absence = /^fuzz: skipped, (.+)$/m.exec(stdout)?.[1]
  if (absence) skip(absence)
  expect(stdout).toMatch(/^fuzz: 20000 statements .*, [1-9]\d* denied, 0 bypasses, /m)
}, 120_000)
