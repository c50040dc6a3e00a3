import { expect, test } from 'vitest'
import { runKills } from './kill-run.ts'

const KILLS = 200

test(`nothing that was acknowledged is lost at kill -9 under write load, ${KILLS} times`, async () => {
  const figures = await runKills({ kills: KILLS })
  expect(figures).toMatchObject({ kills: KILLS, lost: 0, partial: 0, repeated: 0, unasked: 0 })
  expect(new Set(figures.integrity)).toEqual(new Set(['ok']))
  // It was under load, of each kind, and was hit in the middle of it.
  expect(figures.acknowledged.single).toBeGreaterThan(KILLS)
  expect(figures.acknowledged.batch).toBeGreaterThan(KILLS / 10)
  expect(figures.acknowledged.transaction).toBeGreaterThan(KILLS / 10)
  expect(figures.unknown).toBeGreaterThan(KILLS)
}, 600_000)
