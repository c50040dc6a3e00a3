// A million rows of PostgreSQL as NDJSON: by how much gateway, worker and the server's process grow.
import { startGateway } from './gateway.mjs'
import { median, pause, round } from './machine.mjs'
import { workerPid } from './processes.mjs'
import { stream, watched } from './stream.mjs'

const ROWS = 1_000_000

export async function measure({ runtime, short }) {
  const gateway = await startGateway(runtime)
  const { id } = await gateway.spawn('bench', { engine: 'postgres', queryTimeoutMs: 600_000 })
  await gateway.query('bench', {
    sql: `create table big as select i as id, 'name ' || i as name, i / 7.0::double precision as value, repeat('n', 40) as note from generate_series(1, ${ROWS}) i`,
  })
  const pids = { gateway: gateway.pid, worker: workerPid(id) }
  // The caches and the code are warm before memory is looked at.
  await stream(gateway, 50_000)
  await pause(2000)
  const results = []
  for (let at = 0; at < (short ? 1 : 3); at += 1)
    results.push(await watched(pids, () => stream(gateway, ROWS)))
  await gateway.end()
  return {
    rowCount: ROWS,
    mb: round(results[0].bytes / 1e6, 1),
    rowsPerSecond: Math.round(median(results.map(({ rowsPerSecond }) => rowsPerSecond))),
    gatewayGrewMb: round(Math.max(...results.map(({ grew }) => grew.gateway)), 1),
    workerGrewMb: round(Math.max(...results.map(({ grew }) => grew.worker)), 1),
  }
}
