// Ends a worker by kill -9 under write load and looks at what is there after each start.
//   npm run torture [-- --kills 10000 --seed 1]
import { parseArgs } from 'node:util'
import { ensureBuilt } from './build.mjs'

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '10000' },
    seed: { type: 'string', default: '1' },
  },
})
const kills = Number(values.kills)

await ensureBuilt()
const { runKills } = await import('../services/worker/dist/torture/kill-run.js')
const figures = await runKills({ kills, seed: Number(values.seed), onRound: tell })
const { integrity, ...counts } = figures
const broken = integrity.filter((line) => line !== 'ok')
console.log({ ...counts, integrityChecks: integrity.length, broken })
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
