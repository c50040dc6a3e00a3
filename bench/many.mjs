// Many databases on one machine, nearly all of them asleep: what the list costs, what the sleeping ones cost, how one wakes;
// and what a hundred spawned in one go wait for.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { startGateway } from './gateway.mjs'
import { pause, percentile, round } from './machine.mjs'
import { rssMb } from './processes.mjs'

const AT_ONCE = 6
const AWAKE = 10
const LISTS = 30
const WAKES = 50
const IDLE_MS = 10_000

export async function measure({ runtime, short }) {
  const registered = short ? 100 : 1000
  const crowd = short ? 20 : 100
  const gateway = await startGateway(runtime)
  const names = Array.from({ length: registered }, (_, at) => `many-${at}`)
  const registering = performance.now()
  await inParallel(names, async (name) => {
    await gateway.spawn(name)
    await gateway.query(name, { sql: 'create table t (x)' })
    if (Number(name.slice(5)) >= AWAKE) await gateway.client.databases.sleep({ params: { name } })
  })
  const registeredSeconds = round((performance.now() - registering) / 1000, 0)
  const containers = runtime === 'docker' ? containersOf(gateway) : null
  const lists = []
  for (let at = 0; at < LISTS; at += 1) lists.push(await timed(() => listAll(gateway, registered)))
  const idleCpuPercent = await cpuPercent(gateway.pid, IDLE_MS)
  const woken = []
  for (let at = 0; at < WAKES; at += 1) {
    const name = names[AWAKE + Math.floor(((registered - AWAKE) * at) / WAKES)]
    woken.push(await timed(() => gateway.query(name, { sql: 'select count(*) from t' })))
    await gateway.client.databases.sleep({ params: { name } })
  }
  const crowded = await crowdOf(gateway, crowd)
  const gatewayMb = round(rssMb(gateway.pid), 0)
  await gateway.end()
  return {
    registered,
    asleep: registered - AWAKE,
    registeredSeconds,
    containers,
    listMs: times(lists),
    wakeMs: times(woken),
    idleCpuPercent,
    gatewayMb,
    crowd: { spawned: crowd, ...crowded },
  }
}

async function listAll(gateway, expected) {
  const { items } = await gateway.client.databases.list({ query: { limit: 1000 } })
  if (items.length !== expected) throw new Error(`${items.length} of ${expected} are listed`)
}

/** All at the same moment, each asked once it is there. */
async function crowdOf(gateway, count) {
  const startedAt = performance.now()
  const waits = await Promise.all(
    Array.from({ length: count }, async (_, at) => {
      await gateway.spawn(`crowd-${at}`)
      await gateway.query(`crowd-${at}`, { sql: 'select 1' })
      return performance.now() - startedAt
    }),
  )
  return { answered: waits.length, firstMs: Math.round(Math.min(...waits)), ...times(waits) }
}

function containersOf(gateway) {
  const ids = execFileSync('docker', ['ps', '--all', '--quiet', '--filter', 'name=dbforge-w-'])
    .toString()
    .split('\n')
    .filter(Boolean)
  const mounts = execFileSync('docker', ['inspect', '--format', '{{json .Mounts}}', ...ids])
  return mounts
    .toString()
    .split('\n')
    .filter((line) => line.includes(gateway.dataDir)).length
}

async function cpuPercent(pid, ms) {
  const before = cpuTicks(pid)
  await pause(ms)
  // A tick is 10 ms.
  return round(((cpuTicks(pid) - before) * 10 * 100) / ms, 2)
}

function cpuTicks(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return Number(fields[11]) + Number(fields[12])
}

async function inParallel(items, act) {
  const left = [...items]
  const some = async () => {
    for (let item = left.shift(); item; item = left.shift()) await act(item)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, some))
}

async function timed(run) {
  const startedAt = performance.now()
  await run()
  return performance.now() - startedAt
}

const times = (all) => ({
  p50Ms: Math.round(percentile(all, 50)),
  p95Ms: Math.round(percentile(all, 95)),
  maxMs: Math.round(Math.max(...all)),
})
