// Durable single-row inserts against point reads, both from 64 clients; and what sharing commits is worth where the disk
// is slow: each sync of the log takes 5 ms more, which strace adds.

import { temporaryFolder, WorkerProcess } from '../services/worker/dist/testing/worker-process.js'
import { Trace, traceAbsence } from '../services/worker/dist/torture/system-calls.js'
import { fillPoints, pointQuery, startGateway } from './gateway.mjs'
import { generator, saturate } from './load.mjs'
import { median, pause, round } from './machine.mjs'

const CLIENTS = 64
const SYNC_MS = 5

export async function measure({ runtime, short }) {
  const [rounds, seconds] = short ? [2, 2] : [5, 5]
  const gateway = await startGateway(runtime)
  await gateway.spawn('bench', { maxSizeMb: 4096 })
  await fillPoints(gateway, 'bench')
  await gateway.query('bench', { sql: 'create table log (id integer primary key, line text)' })
  const kinds = {
    reads: Array.from({ length: 500 }, (_, at) => pointQuery(at)),
    inserts: [{ sql: 'insert into log (line) values (?)', params: ['x'.repeat(60)] }],
  }
  const results = { reads: [], inserts: [] }
  const target = { url: gateway.queryUrl('bench'), headers: gateway.headers, connections: CLIENTS }
  for (let at = 0; at <= rounds; at += 1)
    for (const [kind, bodies] of Object.entries(kinds)) {
      const result = await saturate({ ...target, bodies, seconds })
      if (at > 0) results[kind].push(result)
    }
  await gateway.end()
  const rows = Object.entries(results).map(([name, list]) => ({
    name,
    perSecond: Math.round(median(list.map(({ perSecond }) => perSecond))),
    p50Ms: round(median(list.map(({ p50 }) => p50))),
    p99Ms: round(median(list.map(({ p99 }) => p99))),
    failed: list.reduce((sum, { failed }) => sum + failed, 0),
  }))
  const ofReads = round(rows[1].perSecond / rows[0].perSecond)
  return { clients: CLIENTS, generator, rows, ofReads, slowDisk: await slowDisk(short ? 2 : 5) }
}

/** A batch of one statement commits by itself: the same work, without sharing. */
async function slowDisk(seconds) {
  const absence = await traceAbsence()
  if (absence) return { leftOut: absence }
  const folder = temporaryFolder()
  const worker = await WorkerProcess.start(folder.dir)
  const links = await Promise.all([worker.sql(), worker.sql(), worker.sql(), worker.sql()])
  await links[0].query('create table log (id integer primary key, line text)')
  const insert = { sql: 'insert into log (line) values (?)', params: ['x'.repeat(60)] }
  const shared = (link) => link.query(insert.sql, insert.params)
  const alone = (link) => link.batch([insert])
  const trace = await Trace.attach(worker.child.pid, [
    `fsync,fdatasync:delay_enter=${SYNC_MS * 1000}`,
  ])
  const rates = { shared: [], alone: [] }
  for (let at = 0; at < 3; at += 1) {
    rates.shared.push(await perSecond(links, shared, seconds))
    rates.alone.push(await perSecond(links, alone, seconds))
  }
  await trace.end()
  await worker.end('SIGKILL')
  folder.remove()
  const [sharedPerSecond, alonePerSecond] = [median(rates.shared), median(rates.alone)]
  return {
    syncMs: SYNC_MS,
    sharedPerSecond: Math.round(sharedPerSecond),
    alonePerSecond: Math.round(alonePerSecond),
    ratio: round(sharedPerSecond / alonePerSecond, 1),
  }
}

async function perSecond(links, once, seconds) {
  let done = 0
  let isOver = false
  const clients = Array.from({ length: CLIENTS }, async (_, client) => {
    while (!isOver) {
      await once(links[client % links.length])
      if (!isOver) done += 1
    }
  })
  await pause(seconds * 1000)
  isOver = true
  await Promise.all(clients)
  return done / seconds
}
