// Where the figures were taken, and how they are told.
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { root } from '../scripts/build.mjs'

export const hasDocker = () =>
  spawnSync('docker', ['version'], { stdio: 'ignore', timeout: 10_000 }).status === 0
export const hasCommand = (name) =>
  spawnSync(name, ['--version'], { stdio: 'ignore' }).error === undefined

const machine = () => ({
  cpu: cpus()[0]?.model,
  cores: cpus().length,
  memoryGb: Math.round(totalmem() / 2 ** 30),
  kernel: release(),
  node: process.version,
  loadAverage: loadavg().map((load) => Number(load.toFixed(2))),
})

/** One file for each figure. */
export function writeResult(name, result) {
  const folder = join(root, 'bench/results')
  mkdirSync(folder, { recursive: true })
  const told = { at: new Date().toISOString(), machine: machine(), ...result }
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(told, null, 2)}\n`)
}

export const median = (numbers) => percentile(numbers, 50)
export function percentile(numbers, percent) {
  const sorted = numbers.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))]
}
export const round = (number, digits = 2) => Number(number.toFixed(digits))
export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
