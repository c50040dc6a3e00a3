// pgbench, select only, eight clients: through the gateway's port against pgbouncer in its place, both on the same server,
// in one run, by turns. Skipped where either program is absent.
import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startGateway } from './gateway.mjs'
import { hasCommand, median, pause, round } from './machine.mjs'

const CLIENTS = 8
const PGBENCH = pgbench()

export async function measure({ runtime, short }) {
  if (!PGBENCH || !hasCommand('pgbouncer'))
    return { skipped: `there is no ${PGBENCH ? 'pgbouncer' : 'pgbench'}` }
  const [rounds, seconds] = short ? [2, 3] : [7, 8]
  const gateway = await startGateway(runtime)
  const { id, credentials } = await gateway.spawn('bench', { engine: 'postgres', cpus: 2 })
  const socketDir = join(gateway.dataDir, 'databases', id, 'run')
  await run(PGBENCH, ['-i', '-s', '10', '-q', credentials.url])
  const bouncer = await startBouncer(socketDir, credentials.password)
  const targets = [
    { name: 'pgbouncer, session mode', url: bouncer.url, tls: 'disable' },
    { name: 'gateway', url: credentials.url, tls: 'disable' },
    { name: 'gateway, TLS', url: credentials.url, tls: 'require' },
    {
      name: 'socket',
      url: `${credentials.url.replace(/@.*\//, '@/')}?host=${socketDir}`,
      tls: 'disable',
    },
  ]
  const results = targets.map(() => [])
  for (const { url, tls } of targets) await perSecond(url, tls, 2)
  for (let at = 0; at < rounds; at += 1)
    for (const [which, { url, tls }] of targets.entries())
      results[which].push(await perSecond(url, tls, seconds))
  bouncer.end()
  await gateway.end()
  const rows = targets.map(({ name }, which) => ({
    name,
    perSecond: Math.round(median(results[which])),
  }))
  return {
    clients: CLIENTS,
    rounds,
    seconds,
    rows: rows.map((row) => ({ ...row, ofPgbouncer: round(row.perSecond / rows[0].perSecond) })),
  }
}

async function perSecond(url, tls, seconds) {
  const args = ['-S', '-n', '-c', String(CLIENTS), '-T', String(seconds), url]
  const { stdout } = await run(PGBENCH, args, { PGSSLMODE: tls })
  return Number(/tps = ([\d.]+)/.exec(stdout)[1])
}

/** Debian keeps what is not for everybody beside the server. */
function pgbench() {
  if (hasCommand('pgbench')) return 'pgbench'
  const { stdout } = spawnSync('sh', ['-c', 'ls /usr/lib/postgresql/*/bin/pgbench'], {
    encoding: 'utf8',
  })
  return stdout.trim().split('\n').at(-1)
}

/** It refuses to be root, and so must be let in to where the server's socket is. */
async function startBouncer(socketDir, password) {
  for (const path of [join(socketDir, '..'), socketDir]) chmodSync(path, 0o755)
  chmodSync(join(socketDir, '.s.PGSQL.5432'), 0o777)
  const folder = mkdtempSync(join(tmpdir(), 'dbf-bouncer-'))
  const port = await freePort()
  const config = join(folder, 'pgbouncer.ini')
  writeFileSync(join(folder, 'users'), `"owner" "${password}"\n`)
  writeFileSync(
    config,
    `[databases]
bench = host=${socketDir} port=5432 dbname=bench
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
pool_mode = session
auth_type = scram-sha-256
auth_file = ${join(folder, 'users')}
max_client_conn = 100
default_pool_size = 20
ignore_startup_parameters = extra_float_digits
`,
  )
  chmodSync(folder, 0o755)
  const asRoot = process.getuid() === 0
  const child = spawn('pgbouncer', [...(asRoot ? ['-u', 'postgres'] : []), config], {
    stdio: 'ignore',
  })
  while (!(await listens(port))) await pause(50)
  return {
    url: `postgres://owner:${password}@127.0.0.1:${port}/bench`,
    end() {
      child.kill()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

const listens = (port) =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })

function freePort() {
  return new Promise((resolve) => {
    const server = createServer()
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}

function run(program, args, env = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env: { ...process.env, ...env } })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (chunk) => {
      stdout += chunk
    })
    child.stderr.on('data', (chunk) => {
      stderr += chunk
    })
    child.once('close', (code) => (code === 0 ? resolve({ stdout }) : reject(new Error(stderr))))
  })
}
