import { describe, expect, test } from 'vitest'
import { DockerodeApi } from '../runtime/dockerode-api.ts'
import { chaosRun } from './chaos-run.ts'

const SECONDS = 60
const absent = await new DockerodeApi().ping().then(
  () => null,
  (error: Error) => error.message,
)

describe.skipIf(absent)(absent ? `chaos: skipped, since ${absent}` : 'chaos', () => {
  test('after faults of all kinds no acknowledged row is missing, and all is as desired', {
    timeout: 600_000,
  }, async () => {
    const { faults, faultsDone, acknowledged, ...figures } = await chaosRun({
      seconds: SECONDS,
      seed: 1,
      enginePidFile: process.env['DBFORGE_TEST_ENGINE_PIDFILE'] ?? null,
    })
    process.stderr.write(`chaos: ${JSON.stringify({ faultsDone, acknowledged, ...figures })}\n`)
    expect(faults).toEqual([])
    expect(acknowledged).toBeGreaterThan(100)
    expect(Object.keys(faultsDone).length).toBeGreaterThanOrEqual(7)
  })
})
