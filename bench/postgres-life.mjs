// A PostgreSQL database's life: from the call that spawns it, and from the call that starts it again, to the first answer;
// and what it takes while nobody asks it anything.
import { startGateway } from './gateway.mjs'
import { pause, percentile, round } from './machine.mjs'
import { cgroupMb, memoryCgroup, workerPid } from './processes.mjs'

const SETTLE_MS = 20_000

export async function measure({ runtime, short }) {
  const rounds = short ? 5 : 50
  const gateway = await startGateway(runtime)
  const spawned = []
  const started = []
  // The image, the template and the file cache are there.
  await spawnAndAsk(gateway, 'first')
  for (let at = 0; at < rounds; at += 1) {
    const name = `life-${at}`
    spawned.push(await timed(() => spawnAndAsk(gateway, name)))
    await gateway.client.databases.stop({ params: { name } })
    started.push(await timed(() => startAndAsk(gateway, name)))
    await gateway.remove(name)
  }
  await gateway.remove('first')
  const idleMb = await idleMemory(gateway)
  await gateway.end()
  return { rounds, spawn: times(spawned), start: times(started), idleMb }
}

async function spawnAndAsk(gateway, name) {
  await gateway.spawn(name, { engine: 'postgres' })
  await gateway.query(name, { sql: 'select 1' })
}

async function startAndAsk(gateway, name) {
  await gateway.client.databases.start({ params: { name } })
  await gateway.query(name, { sql: 'select 1' })
}

async function timed(run) {
  const startedAt = performance.now()
  await run()
  return performance.now() - startedAt
}

/** Null without a container of its own. */
async function idleMemory(gateway) {
  const { id } = await gateway.spawn('idle', { engine: 'postgres' })
  await gateway.query('idle', { sql: 'create table t (id integer primary key)' })
  await gateway.query('idle', { sql: 'insert into t select generate_series(1, 1000)' })
  await pause(SETTLE_MS)
  const cgroup = gateway.runtime === 'docker' ? memoryCgroup(workerPid(id)) : null
  return cgroup && round(cgroupMb(cgroup), 1)
}

const times = (all) => ({
  p50Ms: Math.round(percentile(all, 50)),
  p95Ms: Math.round(percentile(all, 95)),
  maxMs: Math.round(Math.max(...all)),
})
