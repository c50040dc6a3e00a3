// Runs the control plane in simulated worlds: a crash at every point of every operation, then clients and faults of all
// kinds at once, a world for each seed. What is found is told with the seed that shows it again.
//   npm run simulate [-- --seeds 100000 --seed 1]
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { ensureBuilt } from './build.mjs'

const SHOWN_FAULTS = 5
const TELL_EVERY_MS = 30_000

if (isMainThread) await main()
else await runSeeds(workerData)

async function main() {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '100000' },
      seed: { type: 'string', default: '1' },
    },
  })
  const [seeds, first] = [Number(values.seeds), Number(values.seed)]
  await ensureBuilt()
  const points = await crashPoints(first)
  const total = await allSeeds(first, seeds)
  console.log({ crashPoints: points.count, worlds: seeds, ...total.counts })
  const faults = [...points.faults, ...total.faults]
  for (const fault of faults.slice(0, SHOWN_FAULTS)) console.log(fault)
  console.log(faults.length === 0 ? 'simulation: no fault' : `simulation: ${faults.length} FAULTS`)
  process.exit(faults.length === 0 ? 0 : 1)
}

async function crashPoints(seed) {
  const { crashEverywhere, OPERATIONS } = await load('crash-points')
  const found = { count: 0, faults: [] }
  for (const operation of OPERATIONS) {
    const { points, faults } = await crashEverywhere(operation, seed)
    console.log(`${operation}: a crash at each of ${points} points, ${faults.length} faults`)
    found.count += points
    found.faults.push(...faults)
  }
  return found
}

async function allSeeds(first, seeds) {
  const threads = Math.min(availableParallelism(), seeds)
  const sum = { counts: { operations: 0, crashes: 0 }, faults: [] }
  let done = 0
  const ticker = setInterval(
    () => console.log(`${done} of ${seeds} worlds, ${sum.faults.length} with faults`),
    TELL_EVERY_MS,
  )
  const run = (at) =>
    new Promise((resolve, reject) => {
      const thread = new Worker(new URL(import.meta.url), {
        workerData: { first: first + at, last: first + seeds - 1, step: threads },
      })
      thread.on('message', ({ seed, operations, crashes, faults }) => {
        done += 1
        sum.counts.operations += operations
        sum.counts.crashes += crashes
        if (faults.length > 0) sum.faults.push(`seed ${seed}: ${faults.join('; ')}`)
      })
      thread.on('error', reject)
      thread.on('exit', resolve)
    })
  await Promise.all(Array.from({ length: threads }, (_, at) => run(at)))
  clearInterval(ticker)
  return sum
}

async function runSeeds({ first, last, step }) {
  const { randomRun } = await load('random-run')
  for (let seed = first; seed <= last; seed += step) parentPort.postMessage(await randomRun(seed))
}

function load(name) {
  return import(`../services/gateway/dist/simulation/${name}.js`)
}
