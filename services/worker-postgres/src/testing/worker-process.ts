import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Link } from '@db-forge/worker-kit/testing/link'
import { folderAt } from '../folder.ts'
import { type Binaries, findBinaries } from '../server/binaries.ts'

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url))
export const DATABASE_ID = 'db_abcdefghij12'
/** Kept from one run to the next, as a machine without Docker keeps it. */
const TEMPLATES = join(tmpdir(), 'db-forge-postgres-templates')

export interface Exit {
  readonly code: number | null
  readonly signal: string | null
}

/** What stands in the way of these tests; null where nothing does. */
export function unavailable(): string | null {
  try {
    available()
    return null
  } catch (error) {
    if (process.env['DBFORGE_TEST_REQUIRE_ALL']) throw error
    return error instanceof Error ? error.message : String(error)
  }
}

const available = (): Binaries =>
  findBinaries({ dir: process.env['DBFORGE_POSTGRES_BIN'] || null, major: null })

export function temporaryFolder(): { readonly dir: string; remove(): void } {
  const dir = mkdtempSync(join(tmpdir(), 'dbf-'))
  return { dir, remove: () => rmSync(dir, { recursive: true, force: true }) }
}

/** The built worker as a process of its own, with its server. */
export class WorkerProcess {
  readonly child: ChildProcess
  readonly exited: Promise<Exit>
  readonly dir: string
  output = ''

  constructor(dir: string, env: Record<string, string> = {}) {
    this.dir = dir
    this.child = spawn(process.execPath, [MAIN], {
      env: { ...launchEnv(dir), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const collect = (chunk: Buffer) => {
      this.output += chunk.toString()
    }
    this.child.stdout?.on('data', collect)
    this.child.stderr?.on('data', collect)
    this.exited = new Promise((resolve) =>
      this.child.once('exit', (code, signal) => resolve({ code, signal })),
    )
  }

  static async start(dir: string, env: Record<string, string> = {}): Promise<WorkerProcess> {
    const worker = new WorkerProcess(dir, env)
    await worker.ready()
    return worker
  }

  async ready(): Promise<void> {
    const ended = this.exited.then(({ code }) => {
      throw new Error(`the worker ended with ${code}: ${this.output}`)
    })
    await Promise.race([this.says('"msg":"ready"'), ended])
  }

  get serverPid(): number {
    return Number(/"serverPid":(\d+)[^}]*"startMs"/.exec(this.output)?.[1])
  }

  sql(): Promise<Link> {
    return Link.open(folderAt(this.dir).sqlSocket, DATABASE_ID)
  }

  /** One lane serves all. */
  reader(): Promise<Link> {
    return this.sql()
  }

  control(): Promise<Link> {
    return Link.open(folderAt(this.dir).controlSocket, DATABASE_ID)
  }

  end(signal: NodeJS.Signals = 'SIGTERM'): Promise<Exit> {
    this.child.kill(signal)
    return this.exited
  }

  says(text: string): Promise<void> {
    return new Promise((resolve) => {
      const look = () => this.output.includes(text) && resolve()
      this.child.stdout?.on('data', look)
      look()
    })
  }
}

function launchEnv(dir: string): Record<string, string> {
  const bin = process.env['DBFORGE_POSTGRES_BIN']
  return {
    PATH: process.env['PATH'] ?? '',
    DBFORGE_DATABASE_ID: DATABASE_ID,
    DBFORGE_ENGINE: 'postgres',
    DBFORGE_DATABASE_DIR: dir,
    DBFORGE_SPEC_HASH: 'abc',
    DBFORGE_MAX_SIZE_MB: '256',
    DBFORGE_MEMORY_MB: '128',
    DBFORGE_POSTGRES_TEMPLATES: TEMPLATES,
    ...(bin ? { DBFORGE_POSTGRES_BIN: bin } : {}),
  }
}
