import { type ChildProcess, spawn } from 'node:child_process'
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type Client, createClient } from '@db-forge/client'

const START_SCRIPT = fileURLToPath(new URL('../../../scripts/start.mjs', import.meta.url))
const POLL_MS = 50

/** A running DB-Forge of its own, as `npm start` starts it. */
export interface Product {
  readonly url: string
  readonly token: string
  readonly client: Client
  readonly deleteAllDatabases: () => Promise<void>
  /** Ends it and takes its files away. */
  readonly stop: () => Promise<void>
}

/** On a free port, with folders of its own and workers as processes. */
export async function startProduct(): Promise<Product> {
  const folder = await mkdtemp(join(tmpdir(), 'dbf-'))
  // PostgreSQL does not run as root; whom it runs as must be able to enter.
  await chmod(folder, 0o711)
  const secrets = join(folder, 'secrets')
  const child = spawn(process.execPath, [START_SCRIPT], {
    env: {
      ...environmentWithoutSettings(),
      DBFORGE_PORT: '0',
      DBFORGE_PG_PORT: '0',
      DBFORGE_DATA_DIR: join(folder, 'data'),
      DBFORGE_SECRETS_DIR: secrets,
      DBFORGE_RUNTIME: 'process',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const remove = async () => {
    child.kill('SIGTERM')
    await ended
    await rm(folder, { recursive: true, force: true })
  }
  try {
    const url = await announcedAddress(child)
    await answers(`${url}/health/ready`)
    await answers(`${url}/sign-in`)
    const token = (await readFile(join(secrets, 'admin-token'), 'utf8')).trim()
    const client = createClient({ baseUrl: url, token })
    return {
      url,
      token,
      client,
      deleteAllDatabases: () => deleteAll(client),
      stop: remove,
    }
  } catch (error) {
    await remove()
    throw error
  }
}

/** What this process was told about DB-Forge or by its test runner is not meant for the product. */
function environmentWithoutSettings(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(DBFORGE_|VITEST|NODE_ENV$|TEST$)/.test(name),
  )
  return Object.fromEntries(kept)
}

/** The address in the greeting, which comes once the gateway listens. */
function announcedAddress(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = ''
    const read = (chunk: Buffer) => {
      output += chunk
      const address = /is ready at (http:\/\/\S+)/.exec(output)?.[1]
      if (address) resolve(address)
    }
    child.stdout?.on('data', read)
    child.stderr?.on('data', read)
    child.once('error', reject)
    child.once('close', (code) => reject(new Error(`The product ended (${code}):\n${output}`)))
  })
}

/** The dashboard's server comes up beside the gateway, so its pages may be a moment late. */
async function answers(url: string): Promise<void> {
  const deadline = AbortSignal.timeout(60_000)
  for (;;) {
    const response = await fetch(url, { signal: deadline })
    await response.arrayBuffer()
    if (response.ok) return
    await wait(POLL_MS, undefined, { signal: deadline })
  }
}

async function deleteAll(client: Client): Promise<void> {
  const { items } = await client.databases.list()
  const call = (name: string) => ({ params: { name }, query: { force: 'true' } })
  const deleted = await client.databases.list({ query: { state: 'deleted' } })
  const names = new Set([...items, ...deleted.items].map(({ name }) => name))
  await Promise.all([...names].map((name) => client.databases.delete(call(name))))
}
