// A database's life as whoever asks it something sees it: from the call that spawns it, or that wakes it, to its first
// answer; with a worker from the warm pool and without.
import { startGateway } from './gateway.mjs'
import { pause, percentile, round } from './machine.mjs'
import { cgroupMb, memoryCgroup, workerPid } from './processes.mjs'

const SETTLE_MS = 20_000
const ENGINES = ['sqlite', 'postgres']

export async function measure({ runtime, short }) {
  const rounds = short ? 5 : 50
  const rows = []
  for (const engine of ENGINES) {
    const warm = await warmSpawns(runtime, engine, rounds)
    const cold = await coldLives(runtime, engine, rounds)
    rows.push(
      { engine, what: 'spawn, from the pool', ...times(warm) },
      { engine, what: 'spawn, without a pool', ...times(cold.spawned) },
      { engine, what: 'wake', ...times(cold.woken) },
      { engine, what: 'start after a stop', ...times(cold.started) },
    )
    if (engine === 'postgres') rows.push({ engine, what: 'idle', cgroupMb: cold.idleMb })
  }
  return { rounds, rows }
}

/** One after another, each once the pool is full again. */
async function warmSpawns(runtime, engine, rounds) {
  const gateway = await startGateway(runtime, { [`DBFORGE_POOL_${engine.toUpperCase()}`]: '2' })
  const spawned = []
  for (let at = 0; at < rounds + 1; at += 1) {
    await poolIsFull(gateway, engine)
    const took = await timed(() => spawnAndAsk(gateway, `warm-${at}`, engine))
    // The first of all finds no file in the cache.
    if (at > 0) spawned.push(took)
    await gateway.remove(`warm-${at}`)
  }
  await gateway.end()
  return spawned
}

async function poolIsFull(gateway, engine) {
  for (;;) {
    const { pool } = await gateway.client.platform.stats()
    if (pool[engine].ready === pool[engine].target) return
    await pause(50)
  }
}

async function coldLives(runtime, engine, rounds) {
  const gateway = await startGateway(runtime)
  const [spawned, woken, started] = [[], [], []]
  // The image, the template and the file cache are there.
  await spawnAndAsk(gateway, 'first', engine)
  for (let at = 0; at < rounds; at += 1) {
    const name = `life-${at}`
    const params = { name }
    spawned.push(await timed(() => spawnAndAsk(gateway, name, engine)))
    await gateway.client.databases.sleep({ params })
    woken.push(await timed(() => ask(gateway, name)))
    await gateway.client.databases.stop({ params })
    started.push(await timed(() => startAndAsk(gateway, name)))
    await gateway.remove(name)
  }
  const idleMb = engine === 'postgres' ? await idleMemory(gateway) : null
  await gateway.end()
  return { spawned, woken, started, idleMb }
}

const ask = (gateway, name) => gateway.query(name, { sql: 'select 1' })

async function spawnAndAsk(gateway, name, engine) {
  await gateway.spawn(name, { engine })
  await ask(gateway, name)
}

async function startAndAsk(gateway, name) {
  await gateway.client.databases.start({ params: { name } })
  await ask(gateway, name)
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
