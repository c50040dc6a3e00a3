import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { log } from '@db-forge/worker-kit'
import { programEnv, searchPath } from '../config.ts'
import type { Binaries } from './binaries.ts'
import { logLines } from './server-log.ts'
import { commandLine } from './settings.ts'

export interface ServerOptions {
  readonly binaries: Binaries
  readonly data: string
  readonly settings: Readonly<Record<string, string>>
  readonly memoryMb: number
  /** The folder's lock, held for as long as one of the server's processes lives. */
  readonly lockFd: number
  /** The server was given no room by the volume. */
  readonly onDiskFull: () => void
}

export interface ServerExit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

const MB = 1024 * 1024
/** Connections are cut and a checkpoint is made; if that takes longer, the next start recovers. */
const FAST_MS_MAX = 4000

/** The PostgreSQL server as a child of this process. */
export class Server {
  readonly exited: Promise<ServerExit>
  readonly #child: ChildProcess

  constructor(options: ServerOptions) {
    const [program, ...args] = [...wrappers(options.memoryMb), ...serverCommand(options)]
    this.#child = spawn(program ?? '', args, {
      stdio: ['ignore', 'ignore', 'pipe', options.lockFd],
      env: serverEnv(),
    })
    if (this.#child.stderr) logLines(this.#child.stderr, options.onDiskFull)
    this.exited = new Promise((resolve) => {
      this.#child.once('error', (error) => {
        log('error', 'the server could not be started', { error: error.message })
        resolve({ code: null, signal: null })
      })
      this.#child.once('exit', (code, signal) => resolve({ code, signal }))
    })
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  /** Everything acknowledged is durable either way; a fast shutdown also spares the next start a recovery. */
  async stop(): Promise<ServerExit> {
    const impatience = setTimeout(() => this.#child.kill('SIGQUIT'), FAST_MS_MAX)
    this.#child.kill('SIGINT')
    const exit = await this.exited
    clearTimeout(impatience)
    return exit
  }

  /** Ends it at once. */
  kill(): void {
    this.#child.kill('SIGQUIT')
  }
}

const serverCommand = ({ binaries, data, settings }: ServerOptions): string[] => [
  join(binaries.dir, 'postgres'),
  '-D',
  data,
  ...commandLine(settings),
]

/**
 * Programs that become the server: one bounds the memory of each of its processes, so that the statement that wants too
 * much fails alone, one has the kernel end the server with this process.
 */
function wrappers(memoryMb: number): string[] {
  const dataBytes = Math.max(64, Math.floor(memoryMb / 2)) * MB
  return [
    ...(installed('prlimit') ? ['prlimit', `--data=${dataBytes}`, '--core=0', '--'] : []),
    ...(installed('setpriv') ? ['setpriv', '--pdeathsig', 'SIGQUIT', '--'] : []),
  ]
}

const installed = (program: string) => searchPath().some((dir) => existsSync(join(dir, program)))

/** Where memory runs out all the same, one backend is to end, and neither the server nor this process. */
const serverEnv = (): NodeJS.ProcessEnv => ({
  ...programEnv(),
  ...(existsSync('/proc/self/oom_score_adj')
    ? { PG_OOM_ADJUST_FILE: '/proc/self/oom_score_adj', PG_OOM_ADJUST_VALUE: '1000' }
    : {}),
})
