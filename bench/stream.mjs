// A million rows as NDJSON: by how much gateway and worker grow, and how fast it is against better-sqlite3's iterate() and
// JSON.stringify in one process.
import { execFile } from 'node:child_process'
import { request } from 'node:http'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { root } from '../scripts/build.mjs'
import { SERIES, startGateway } from './gateway.mjs'
import { median, pause, round } from './machine.mjs'
import { rssMb, workerPid } from './processes.mjs'

const ROWS = 1_000_000
export const TABLE = 'create table big (id integer primary key, name text, value real, note text)'
export const FILL = (from, to) =>
  `insert into big ${SERIES} select i + ${from}, 'name ' || i, i / 7.0, replace(hex(zeroblob(20)), '0', 'n') from n limit ${to - from}`

export async function measure({ runtime, short }) {
  const rounds = short ? 1 : 3
  const gateway = await startGateway(runtime)
  const { id } = await gateway.spawn('bench', { maxSizeMb: 1024, queryTimeoutMs: 600_000 })
  await gateway.query('bench', { sql: TABLE })
  for (let at = 0; at < ROWS; at += 100_000)
    await gateway.query('bench', { sql: FILL(at, at + 100_000) })
  const pids = { gateway: gateway.pid, worker: workerPid(id) }
  // The caches and the code are warm before memory is looked at.
  await stream(gateway, 50_000)
  await pause(2000)
  const results = []
  const alone = []
  for (let at = 0; at < rounds; at += 1) {
    results.push(await watched(pids, () => stream(gateway, ROWS)))
    alone.push(await inProcess())
  }
  await gateway.end()
  const rowsPerSecond = Math.round(median(results.map(({ rowsPerSecond: rate }) => rate)))
  const inProcessPerSecond = Math.round(median(alone.map(({ rowsPerSecond: rate }) => rate)))
  return {
    rowCount: ROWS,
    mb: round(results[0].bytes / 1e6, 1),
    rowsPerSecond,
    inProcessPerSecond,
    ratio: round(rowsPerSecond / inProcessPerSecond),
    gatewayGrewMb: round(Math.max(...results.map(({ grew }) => grew.gateway)), 1),
    workerGrewMb: round(Math.max(...results.map(({ grew }) => grew.worker)), 1),
  }
}

/** Reads lines without making objects of them: only their end is looked at. */
export function stream(gateway, rows) {
  const startedAt = performance.now()
  return new Promise((resolve, reject) => {
    const headers = { ...gateway.headers, accept: 'application/x-ndjson' }
    const asked = request(gateway.queryUrl('bench'), { method: 'POST', headers }, (answer) => {
      let bytes = 0
      let tail = ''
      answer.on('data', (chunk) => {
        bytes += chunk.length
        tail = (tail + chunk.toString('latin1', Math.max(0, chunk.length - 500))).slice(-500)
      })
      answer.on('error', reject)
      answer.on('end', () => {
        const { end } = JSON.parse(tail.trim().split('\n').at(-1))
        if (end?.rowCount !== rows) reject(new Error(`it ended with ${tail.slice(-300)}`))
        const seconds = (performance.now() - startedAt) / 1000
        resolve({ bytes, rowsPerSecond: rows / seconds })
      })
    })
    asked.on('error', reject)
    asked.end(JSON.stringify({ sql: `select * from big limit ${rows}` }))
  })
}

export async function watched(pids, run) {
  const before = { gateway: rssMb(pids.gateway), worker: rssMb(pids.worker) }
  const most = { ...before }
  const timer = setInterval(() => {
    for (const name of Object.keys(pids)) most[name] = Math.max(most[name], rssMb(pids[name]))
  }, 20)
  const result = await run()
  clearInterval(timer)
  const grew = Object.fromEntries(
    Object.keys(pids).map((name) => [name, most[name] - before[name]]),
  )
  return { ...result, grew }
}

async function inProcess() {
  const { stdout } = await promisify(execFile)(process.execPath, [
    join(root, 'bench/stream-in-process.mjs'),
    String(ROWS),
  ])
  return JSON.parse(stdout)
}
