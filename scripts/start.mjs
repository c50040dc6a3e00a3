// Runs the whole product on embedded defaults: gateway and dashboard on one address.
import { fork } from 'node:child_process'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ensureBuilt, root } from './build.mjs'

await ensureBuilt()
process.chdir(root)
process.env.DBFORGE_BUILD_CONTEXT ??= root
if (process.env.DBFORGE_DASHBOARD_URL === undefined) {
  const port = await freePort()
  process.env.DBFORGE_DASHBOARD_URL = `http://127.0.0.1:${port}`
  startDashboard(port)
}
await import(join(root, 'services/gateway/dist/main.js'))

/** The dashboard's server ends with this process, however that ends, and is started again if it fails. */
function startDashboard(port) {
  // None of the gateway's settings: the dashboard needs none, and some are secrets.
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('DBFORGE_'))
  const dashboard = fork(fileURLToPath(new URL('dashboard.mjs', import.meta.url)), {
    env: {
      ...Object.fromEntries(kept),
      NODE_ENV: 'production',
      HOSTNAME: '127.0.0.1',
      PORT: String(port),
    },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    detached: true,
  })
  dashboard.on('exit', (code) => {
    process.stderr.write(`The dashboard's server ended (${code}); starting it again.\n`)
    setTimeout(() => startDashboard(port), 1000).unref()
  })
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}
