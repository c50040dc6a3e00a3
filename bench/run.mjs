// Point queries through gateway and worker against the same query in one process: one run, rounds interleaved.
//   npm run bench [-- --seconds 5 --rounds 3 --connections 64]
import { execFile, fork } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { createClient } from '../packages/client/dist/index.js'
import { ensureBuilt, root } from '../scripts/build.mjs'

const TOKEN = 'bench-token-of-some-length'
const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '5' },
    rounds: { type: 'string', default: '3' },
    connections: { type: 'string', default: '64' },
  },
})
const seconds = Number(values.seconds)
const connections = Number(values.connections)

await ensureBuilt()
const targets = [await inProcess()]
for (const runtime of ['process', 'docker']) {
  const target = await throughGateway(runtime).catch((error) =>
    console.log(`${runtime}: left out: ${error.message}`),
  )
  if (target) targets.push(target)
}
const rounds = new Map(targets.map(({ name }) => [name, []]))
for (let round = 0; round < Number(values.rounds); round += 1)
  for (const target of targets) rounds.get(target.name).push(await load(target))
for (const target of targets) await target.end()
report()

function report() {
  const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]
  const rows = targets.map(({ name }) => {
    const results = rounds.get(name)
    return {
      name,
      perSecond: Math.round(median(results.map(({ perSecond }) => perSecond))),
      p50Ms: median(results.map(({ p50 }) => p50)),
      p99Ms: median(results.map(({ p99 }) => p99)),
      failed: results.reduce((sum, { failed }) => sum + failed, 0),
    }
  })
  for (const row of rows) row.ofInProcess = Number((row.perSecond / rows[0].perSecond).toFixed(2))
  console.table(rows)
  const machine = {
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    node: process.version,
  }
  mkdirSync(join(root, 'bench/results'), { recursive: true })
  const file = join(root, 'bench/results/point-query.json')
  writeFileSync(
    file,
    `${JSON.stringify({ at: new Date().toISOString(), machine, connections, seconds, rows }, null, 2)}\n`,
  )
}

async function load({ url, headers }) {
  const argument = JSON.stringify({ url, headers, connections, seconds })
  const { stdout } = await promisify(execFile)(process.execPath, [
    join(root, 'bench/load.mjs'),
    argument,
  ])
  return JSON.parse(stdout)
}

async function inProcess() {
  const child = fork(join(root, 'bench/in-process.mjs'))
  const { port } = await new Promise((resolve) => child.once('message', resolve))
  const headers = { 'content-type': 'application/json' }
  return {
    name: 'in process',
    url: `http://127.0.0.1:${port}/query`,
    headers,
    end: async () => child.kill(),
  }
}

/** A real gateway on a folder of its own, with one filled database. */
async function throughGateway(runtime) {
  const folder = mkdtempSync(join(tmpdir(), 'dbf-bench-'))
  const port = 20_000 + Math.floor(Math.random() * 20_000)
  const gateway = fork(join(root, 'services/gateway/dist/main.js'), {
    silent: true,
    env: {
      PATH: process.env.PATH,
      DBFORGE_RUNTIME: runtime,
      DBFORGE_PORT: String(port),
      DBFORGE_ADMIN_TOKEN: TOKEN,
      DBFORGE_DATA_DIR: join(folder, 'data'),
      DBFORGE_SECRETS_DIR: join(folder, 'secrets'),
      DBFORGE_BUILD_CONTEXT: root,
    },
  })
  const baseUrl = `http://127.0.0.1:${port}`
  const client = createClient({ baseUrl, token: TOKEN })
  await untilReady(gateway, client)
  await fill(client)
  return {
    name: `gateway, ${runtime}`,
    url: `${baseUrl}/api/db/bench/query`,
    headers: { 'content-type': 'application/json', authorization: `Bearer ${TOKEN}` },
    async end() {
      await client.databases.delete({ params: { name: 'bench' } })
      gateway.kill()
      await new Promise((resolve) => gateway.once('exit', resolve))
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function untilReady(gateway, client) {
  let said = ''
  gateway.stderr.on('data', (chunk) => {
    said += chunk
  })
  gateway.stdout.resume()
  for (;;) {
    if (gateway.exitCode !== null) throw new Error(said.trim().split('\n')[0])
    if (
      await client.platform.live().then(
        () => true,
        () => false,
      )
    )
      return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

async function fill(client) {
  const params = { name: 'bench' }
  await client.databases.spawn({ params })
  const series =
    'with recursive n(id) as (select 1 union all select id + 1 from n where id < 10000)'
  await client.queries.batch({
    params,
    body: {
      statements: [
        { sql: 'create table kv (id integer primary key, name text, value real, note text)' },
        {
          sql: `insert into kv ${series} select id, 'name ' || id, id / 7.0, replace(hex(zeroblob(20)), '0', 'n') from n`,
        },
      ],
    },
  })
}
