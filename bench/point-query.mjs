// Point queries through gateway and worker against the same query in one process: one run, rounds interleaved.
import { fork } from 'node:child_process'
import { join } from 'node:path'
import { root } from '../scripts/build.mjs'
import { fillPoints, pointQuery, startGateway } from './gateway.mjs'
import { generator, saturate } from './load.mjs'
import { median, round } from './machine.mjs'

const CONNECTIONS = 64

export async function measure({ runtime, short }) {
  const gateway = await startGateway(runtime)
  await gateway.spawn('bench')
  await fillPoints(gateway, 'bench')
  return compare(gateway, await inProcess('in-process.mjs'), { short, body: pointQuery })
}

/** @param alone the program that does the same in one process; it and the gateway are ended */
export async function compare(gateway, alone, { short, body }) {
  const [rounds, seconds] = short ? [2, 2] : [7, 5]
  const bodies = Array.from({ length: 500 }, (_, at) => body(at))
  const name = `gateway, ${gateway.runtime}`
  const targets = [alone, { name, url: gateway.queryUrl('bench'), headers: gateway.headers }]
  const results = targets.map(() => [])
  const load = ({ url, headers }, forSeconds) =>
    saturate({ url, headers, bodies, connections: CONNECTIONS, seconds: forSeconds })
  for (const target of targets) await load(target, 2)
  for (let at = 0; at < rounds; at += 1)
    for (const [which, target] of targets.entries())
      results[which].push(await load(target, seconds))
  alone.end()
  await gateway.end()
  return { connections: CONNECTIONS, seconds, rounds, generator, rows: rowsOf(targets, results) }
}

function rowsOf(targets, results) {
  const rows = targets.map(({ name }, which) => ({
    name,
    perSecond: Math.round(median(results[which].map(({ perSecond }) => perSecond))),
    p50Ms: round(median(results[which].map(({ p50 }) => p50))),
    p99Ms: round(median(results[which].map(({ p99 }) => p99))),
    failed: results[which].reduce((sum, { failed }) => sum + failed, 0),
  }))
  return rows.map((row) => ({ ...row, ofInProcess: round(row.perSecond / rows[0].perSecond) }))
}

export async function inProcess(program, args = []) {
  const child = fork(join(root, 'bench', program), args)
  const { port } = await new Promise((resolve) => child.once('message', resolve))
  return {
    name: 'in process',
    url: `http://127.0.0.1:${port}/query`,
    headers: { 'content-type': 'application/json' },
    end: () => child.kill(),
  }
}
