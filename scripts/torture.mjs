// Kills a worker, or one of its processes, by kill -9 under write load and looks at what is there afterwards.
//   npm run torture [-- --engine postgres --kills 10000 --seed 1]
import { parseArgs } from 'node:util'
import { ensureBuilt } from './build.mjs'

const { values } = parseArgs({
  options: {
    engine: { type: 'string', default: 'sqlite' },
    kills: { type: 'string', default: '10000' },
    seed: { type: 'string', default: '1' },
  },
})
const RUNS = {
  sqlite: '../services/worker/dist/torture/kill-run.js',
  postgres: '../services/worker-postgres/dist/testing/kill-run.js',
}
const kills = Number(values.kills)
const run = RUNS[values.engine]
if (!run) throw new Error(`--engine is one of ${Object.keys(RUNS).join(', ')}`)

await ensureBuilt()
const { runKills } = await import(run)
const figures = await runKills({ kills, seed: Number(values.seed), onRound: tell })
const { integrity, backMs, ...counts } = figures
const sorted = backMs.toSorted((a, b) => a - b)
const backMsAt = (share) => sorted[Math.ceil(sorted.length * share) - 1]
const broken = integrity.filter((line) => line !== 'ok')
console.log({
  ...counts,
  backMs: { p50: backMsAt(0.5), p95: backMsAt(0.95), max: backMsAt(1) },
  integrityChecks: integrity.length,
  broken,
})
const faults = figures.lost + figures.partial + figures.repeated + figures.unasked + broken.length
console.log(faults === 0 ? 'torture: no fault' : `torture: ${faults} FAULTS`)
process.exit(faults === 0 ? 0 : 1)

function tell({ kills, seconds, acknowledged, lost, partial, repeated, unasked }) {
  if (kills % 100 !== 0) return
  const writes = acknowledged.single + acknowledged.batch + acknowledged.transaction
  console.log(
    `${kills} kills in ${seconds.toFixed(0)} s: ${writes} writes acknowledged, ${lost} lost, ${partial} partial, ${repeated} repeated, ${unasked} unasked for`,
  )
}
