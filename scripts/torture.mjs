// Ends a worker by kill -9 under write load and looks at what is there after each start.
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
const kills = Number(values.kills)

await ensureBuilt()
const service = { sqlite: 'worker', postgres: 'worker-postgres' }[values.engine]
if (!service) throw new Error(`there is no engine ${values.engine}`)
const { runKills } = await import('../packages/worker-kit/dist/testing/kill-run.js')
const { victim } = await import(`../services/${service}/dist/torture/victim.js`)
const figures = await runKills({ victim, kills, seed: Number(values.seed), onRound: tell })
const { integrity, backMs, ...counts } = figures
const back = backMs.toSorted((a, b) => a - b)
const backAt = (percent) => Math.round(back[Math.floor(((back.length - 1) * percent) / 100)])
const broken = integrity.filter((line) => line !== 'ok')
console.log({ ...counts, integrityChecks: integrity.length, broken })
console.log({ backP50Ms: backAt(50), backP95Ms: backAt(95), backMaxMs: backAt(100) })
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
