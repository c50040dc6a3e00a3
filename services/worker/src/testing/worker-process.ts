import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Link } from '@db-forge/worker-kit/testing/link'
import { folderAt } from '../folder.ts'

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url))
export const DATABASE_ID = 'db_abcdefghij12'

export interface Exit {
  readonly code: number | null
  readonly signal: string | null
}

export function temporaryFolder(): { readonly dir: string; remove(): void } {
  const dir = mkdtempSync(join(tmpdir(), 'dbf-'))
  return { dir, remove: () => rmSync(dir, { recursive: true, force: true }) }
}

/** The built worker as a process of its own. */
export class WorkerProcess {
  readonly child: ChildProcess
  readonly exited: Promise<Exit>
  readonly dir: string
  output = ''

  constructor(dir: string, env: Record<string, string> = {}, execArgv: readonly string[] = []) {
    this.dir = dir
    this.child = spawn(process.execPath, [...execArgv, MAIN], {
      env: { ...launchEnv(dir), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const collect = (chunk: Buffer) => {
      this.output += chunk.toString()
    }
    this.child.stdout?.on('data', collect)
    this.child.stderr?.on('data', collect)
    this.exited = new Promise((resolve) =>
      this.child.once('close', (code, signal) => resolve({ code, signal })),
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
    await Promise.race([this.#says('"msg":"ready"'), ended])
  }

  /** The writer. */
  sql(): Promise<Link> {
    return Link.open(folderAt(this.dir).sqlSocket, DATABASE_ID)
  }

  reader(lane = 1): Promise<Link> {
    return Link.open(folderAt(this.dir).laneSocket(lane), DATABASE_ID)
  }

  control(): Promise<Link> {
    return Link.open(folderAt(this.dir).controlSocket, DATABASE_ID)
  }

  end(signal: NodeJS.Signals = 'SIGTERM'): Promise<Exit> {
    this.child.kill(signal)
    return this.exited
  }

  #says(text: string): Promise<void> {
    return new Promise((resolve) => {
      const look = () => this.output.includes(text) && resolve()
      this.child.stdout?.on('data', look)
      look()
    })
  }
}

export function launchEnv(dir: string): Record<string, string> {
  return {
    DBFORGE_DATABASE_ID: DATABASE_ID,
    DBFORGE_ENGINE: 'sqlite',
    DBFORGE_DATABASE_DIR: dir,
    DBFORGE_SPEC_HASH: 'abc',
    DBFORGE_MAX_SIZE_MB: '256',
    DBFORGE_MEMORY_MB: '64',
  }
}
