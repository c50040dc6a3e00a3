import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { WorkerLine } from './worker-line.ts'

/** How often a process that is nobody's child is looked at, when nothing else would tell of its end. */
const LOOK_MS = 500
const LOOK_CLOSELY_MS = 20
const KILLED_MS = 10_000

/** A running worker, be it this gateway's child or one that an earlier gateway left. */
export interface WorkerProcess {
  readonly pid: number
  readonly specHash: string
  readonly since: Date
  /** Aborts when the process has ended. */
  readonly ended: AbortSignal
  /** Null while it runs, after a death by signal, and where nobody can know. */
  readonly exitCode: number | null
  kill(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>
}

export interface WorkerLaunch {
  readonly entry: string
  readonly databaseDir: string
  readonly specHash: string
  readonly env: Record<string, string>
  /** Where both of its outputs go. A file and not a pipe: a worker can outlive the gateway. */
  readonly output: number
}

/** Starts a worker in a process group of its own, so that Ctrl-C at the terminal reaches the gateway alone. */
export async function launchWorker(launch: WorkerLaunch): Promise<WorkerProcess> {
  // The folder is an argument as well, since that is what tells this process from another one of the same pid.
  const args = [launch.entry, launch.databaseDir]
  const child = spawn(process.execPath, args, {
    cwd: launch.databaseDir,
    detached: true,
    env: launch.env,
    stdio: ['ignore', launch.output, launch.output],
  })
  await once(child, 'spawn')
  child.unref()
  return childProcess(child, launch.specHash)
}

function childProcess(child: ChildProcess, specHash: string): WorkerProcess {
  const end = new AbortController()
  child.once('exit', () => end.abort(new Error('the worker ended')))
  const { pid } = child
  if (pid === undefined) throw new Error('a process without a pid')
  return {
    pid,
    specHash,
    since: new Date(),
    ended: end.signal,
    get exitCode() {
      return child.exitCode
    },
    async kill(signal) {
      if (!end.signal.aborted) send(pid, signal)
    },
  }
}

export interface Adoption {
  readonly pid: number
  readonly databaseDir: string
  readonly specHash: string
  readonly since: Date
  /** An open line to the worker, whose end tells of the worker's. Null if it does not answer. */
  readonly line: WorkerLine | null
}

/** Null if the process of that pid is not the worker of that folder. */
export async function adoptWorker(adoption: Adoption): Promise<WorkerProcess | null> {
  const { pid, databaseDir, specHash, since, line } = adoption
  if (!(await isWorkerOf(databaseDir, pid))) return null
  const end = new AbortController()
  void untilGone(databaseDir, pid, line).then(() => end.abort(new Error('the worker ended')))
  return {
    pid,
    specHash,
    since,
    ended: end.signal,
    exitCode: null,
    async kill(signal) {
      if (await isWorkerOf(databaseDir, pid)) send(pid, signal)
    },
  }
}

async function untilGone(databaseDir: string, pid: number, line: WorkerLine | null): Promise<void> {
  await line?.unref().closed
  const closelyUntil = performance.now() + (line ? 2 * LOOK_MS : 0)
  while (await isWorkerOf(databaseDir, pid)) {
    const pauseMs = performance.now() < closelyUntil ? LOOK_CLOSELY_MS : LOOK_MS
    await sleep(pauseMs, undefined, { ref: false })
  }
}

/** The leader is asked to end, and ends its group; the group is killed as one. */
function send(pid: number, signal: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(signal === 'SIGKILL' ? -pid : pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** A pid alone proves nothing: after a reboot, or after a while, it is another program's. */
async function isWorkerOf(databaseDir: string, pid: number): Promise<boolean> {
  const command = process.platform === 'linux' ? await procCommand(pid) : await psCommand(pid)
  return command.trimEnd().endsWith(` ${databaseDir}`)
}

/** Empty for a process that has ended and waits for its parent to notice. */
async function procCommand(pid: number): Promise<string> {
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
  return command.replaceAll('\0', ' ')
}

async function psCommand(pid: number): Promise<string> {
  const ps = promisify(execFile)('ps', ['-ww', '-o', 'command=', '-p', String(pid)])
  return ps.then(({ stdout }) => stdout).catch(() => '')
}

/** @throws Error if not even SIGKILL ends it, as while it waits for a disk that does not answer. */
export async function endWorker(worker: WorkerProcess, graceMs: number): Promise<void> {
  if (graceMs > 0) {
    await worker.kill('SIGTERM')
    if (await endedWithin(worker, graceMs)) return
  }
  await worker.kill('SIGKILL')
  if (!(await endedWithin(worker, KILLED_MS))) throw new Error(`process ${worker.pid} does not end`)
}

async function endedWithin({ ended }: WorkerProcess, ms: number): Promise<boolean> {
  if (ended.aborted) return true
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      resolve(ended.aborted)
    }
    const timer = setTimeout(done, ms)
    ended.addEventListener('abort', done, { once: true })
  })
}
