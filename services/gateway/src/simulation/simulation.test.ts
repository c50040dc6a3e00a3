import { describe, expect, test } from 'vitest'
import { crashEverywhere, OPERATIONS } from './crash-points.ts'
import { randomRun } from './random-run.ts'

const SEEDS = 2000
const AT_ONCE = 50

describe('a gateway that dies', () => {
  test.each(OPERATIONS)(
    'at any point of “%s” leaves nothing that the next one does not put right',
    {
      timeout: 120_000,
    },
    async (operation) => {
      for (const seed of [1, 2, 3]) {
        const { points, faults } = await crashEverywhere(operation, seed)
        expect(faults).toEqual([])
        expect(points).toBeGreaterThan(3)
      }
    },
  )
})

describe('clients and faults of all kinds at once', () => {
  test.each(Array.from({ length: SEEDS / AT_ONCE }, (_, at) => at * AT_ONCE))(
    'seeds from %i',
    { timeout: 120_000 },
    async (from) => {
      for (let seed = from; seed < from + AT_ONCE; seed++)
        expect(await randomRun(seed)).toMatchObject({ seed, faults: [] })
    },
  )
})
