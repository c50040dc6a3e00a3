import { expect, test } from 'vitest'
import { runKills } from './testing/kill-run.ts'
import { unavailable } from './testing/worker-process.ts'

const KILLS = 50
/** That it comes back, not how fast; the figure is printed. */
const BACK_MS_MAX = 10_000

test.skipIf(unavailable())(
  `nothing that was acknowledged is lost at kill -9 of the server, a backend or the worker, ${KILLS} times`,
  async () => {
    const figures = await runKills({ kills: KILLS })
    expect(figures).toMatchObject({ kills: KILLS, lost: 0, partial: 0, repeated: 0, unasked: 0 })
    expect(new Set(figures.integrity)).toEqual(new Set(['ok']))
    expect(Math.max(...figures.backMs)).toBeLessThan(BACK_MS_MAX)
    // It was under load, of each kind, and was hit in the middle of it.
    expect(figures.acknowledged.single).toBeGreaterThan(KILLS)
    expect(figures.acknowledged.batch).toBeGreaterThan(KILLS / 10)
    expect(figures.acknowledged.transaction).toBeGreaterThan(KILLS / 10)
    expect(figures.unknown).toBeGreaterThan(KILLS)
    const sorted = figures.backMs.toSorted((a, b) => a - b)
    const p95 = sorted[Math.ceil(sorted.length * 0.95) - 1]
    process.stderr.write(`PostgreSQL is back after a kill within ${p95} ms (p95 of ${KILLS})\n`)
  },
  300_000,
)
