// Kills a worker, or one of its processes, by kill -9 under write load and looks at what is there afterwards; or, as chaos,
// does to a whole installation on Docker whatever can happen to one.
//   npm run torture [-- --engine postgres --kills 10000 --seed 1]
//   npm run torture -- --chaos [--minutes 10 --seed 1 --engine-pidfile /var/run/docker.pid]
import { parseArgs } from 'node:util'
import { ensureBuilt } from './build.mjs'

const { values } = parseArgs({
  options: {
    engine: { type: 'string', default: 'sqlite' },
    kills: { type: 'string', default: '10000' },
    seed: { type: 'string', default: '1' },
    chaos: { type: 'boolean', default: false },
    minutes: { type: 'string', default: '10' },
    // Of the Docker engine: it is restarted only where this is given.
    'engine-pidfile': { type: 'string' },
  },
})
await ensureBuilt()
if (values.chaos) await chaos()
const RUNS = {
  sqlite: '../services/worker/dist/torture/kill-run.js',
  postgres: '../services/worker-postgres/dist/testing/kill-run.js',
}
const kills = Number(values.kills)
const run = RUNS[values.engine]
if (!run) throw new Error(`--engine is one of ${Object.keys(RUNS).join(', ')}`)

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

async function chaos() {
  const { chaosRun } = await import('../services/gateway/dist/chaos/chaos-run.js')
  const { faults, ...figures } = await chaosRun({
    seconds: Number(values.minutes) * 60,
    seed: Number(values.seed),
    enginePidFile: values['engine-pidfile'] ?? null,
    onFault: (name) => console.log(`${new Date().toISOString().slice(11, 19)} ${name}`),
  })
  console.log(figures)
  for (const fault of faults) console.log(fault)
  console.log(faults.length === 0 ? 'chaos: no fault' : `chaos: ${faults.length} FAULTS`)
  process.exit(faults.length === 0 ? 0 : 1)
}
