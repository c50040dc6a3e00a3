// A real gateway on a folder of its own, with real workers.
import { fork, spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient } from '../packages/client/dist/index.js'
import { root } from '../scripts/build.mjs'
import { pause } from './machine.mjs'

const TOKEN = 'bench-token-of-some-length'
export const SERIES = 'with recursive n(i) as (select 1 union all select i + 1 from n)'

/**
 * @param {'process' | 'docker'} runtime
 * @param {Record<string, string>} [settings] beside those that every run has: no warm pool, nothing sleeps
 */
export async function startGateway(runtime, settings = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'dbf-bench-'))
  // PostgreSQL does not run as root; whom it runs as must be able to enter.
  chmodSync(folder, 0o711)
  const port = 20_000 + Math.floor(Math.random() * 20_000)
  const child = fork(join(root, 'services/gateway/dist/main.js'), {
    silent: true,
    env: {
      PATH: process.env.PATH,
      DBFORGE_RUNTIME: runtime,
      DBFORGE_PORT: String(port),
      DBFORGE_PG_PORT: '0',
      DBFORGE_ADMIN_TOKEN: TOKEN,
      DBFORGE_DATA_DIR: join(folder, 'data'),
      DBFORGE_SECRETS_DIR: join(folder, 'secrets'),
      DBFORGE_BUILD_CONTEXT: root,
      DBFORGE_POOL_SQLITE: '0',
      DBFORGE_POOL_POSTGRES: '0',
      DBFORGE_SLEEP_AFTER_SECONDS: '0',
      ...settings,
    },
  })
  const baseUrl = `http://127.0.0.1:${port}`
  const gateway = {
    runtime,
    baseUrl,
    pid: child.pid,
    dataDir: join(folder, 'data'),
    headers: { 'content-type': 'application/json', authorization: `Bearer ${TOKEN}` },
    client: createClient({ baseUrl, token: TOKEN }),
    queryUrl: (name) => `${baseUrl}/api/db/${name}/query`,
    query: (name, body) => gateway.client.queries.query({ params: { name }, body }),
    spawn: (name, body = {}) => gateway.client.databases.spawn({ params: { name }, body }),
    remove: (name) => gateway.client.databases.delete({ params: { name }, query: { force: true } }),
    async end() {
      const { items } = await gateway.client.databases.list()
      for (const { name } of items) await gateway.remove(name)
      child.kill()
      await new Promise((resolve) => child.once('exit', resolve))
      if (runtime === 'docker') removeContainers(gateway.dataDir)
      rmSync(folder, { recursive: true, force: true })
    },
  }
  await untilReady(child, gateway.client)
  return gateway
}

/** Those of the warm pool go on without their gateway. */
function removeContainers(dataDir) {
  for (const id of readdirSync(join(dataDir, 'databases')))
    spawnSync('docker', ['rm', '--force', `dbforge-w-${id}`])
}

async function untilReady(child, client) {
  let said = ''
  child.stderr.on('data', (chunk) => {
    said += chunk
  })
  child.stdout.resume()
  while (child.exitCode === null) {
    if (await client.platform.live().then(Boolean, () => false)) return
    await pause(100)
  }
  throw new Error(said.trim().split('\n')[0])
}

/** 10,000 rows of four columns, as the program in one process has them. */
export async function fillPoints(gateway, name) {
  await gateway.query(name, {
    sql: 'create table kv (id integer primary key, name text, value real, note text)',
  })
  await gateway.query(name, {
    sql: `insert into kv ${SERIES} select i, 'name ' || i, i / 7.0, replace(hex(zeroblob(20)), '0', 'n') from n limit 10000`,
  })
}

export const pointQuery = (at) => ({
  sql: 'select * from kv where id = ?',
  params: [1 + ((at * 7919) % 10_000)],
})
