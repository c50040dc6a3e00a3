import { runKills } from '@db-forge/worker-kit/testing/kill-run'
import { describe, expect, test } from 'vitest'
import { unavailable } from '../testing/worker-process.ts'
import { victim } from './victim.ts'

const KILLS = 50
/** Far more than it should be: a figure is made by `npm run torture`. */
const BACK_MS_MAX = 10_000
const reason = unavailable()

describe.skipIf(reason)(reason ? `kills: skipped, since ${reason}` : 'kills', () => {
  test(`nothing that was acknowledged is lost when worker or server are killed under write load, ${KILLS} times`, async () => {
    const figures = await runKills({ victim, kills: KILLS })
    expect(figures).toMatchObject({ kills: KILLS, lost: 0, partial: 0, repeated: 0, unasked: 0 })
    expect(new Set(figures.integrity)).toEqual(new Set(['ok']))
    expect(figures.acknowledged.single).toBeGreaterThan(KILLS)
    expect(figures.acknowledged.transaction).toBeGreaterThan(0)
    expect(figures.unknown).toBeGreaterThan(KILLS)
    expect(Math.max(...figures.backMs)).toBeLessThan(BACK_MS_MAX)
  }, 600_000)
})
