import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '../testing/worker-process.ts'

export interface SystemCall {
  readonly name: string
  /** What its first argument, a file descriptor, stands for. */
  readonly path: string
  readonly failed: boolean
}

const TRACED = 'fsync,fdatasync,pwrite64,write,writev,sendmsg'

/** Why system calls cannot be looked at here; null if they can. */
export async function traceAbsence(): Promise<string | null> {
  const target = spawn('sleep', ['30'], { stdio: 'ignore' })
  try {
    const trace = await Trace.attach(target.pid ?? 0)
    await trace.end()
    return null
  } catch (error) {
    return `strace cannot be used (${(error as Error).message.trim()})`
  } finally {
    target.kill()
  }
}

/** strace on all threads of a process. */
export class Trace {
  readonly #child: ChildProcess
  readonly #folder = temporaryFolder()
  readonly #closed: Promise<unknown>

  private constructor(pid: number, inject: readonly string[]) {
    const args = ['-f', '-ff', '-y', '-s', '0', '-e', `trace=${TRACED}`, '-p', `${pid}`]
    const injections = inject.flatMap((rule) => ['-e', `inject=${rule}`])
    this.#child = spawn(
      'strace',
      [...args, ...injections, '-o', join(this.#folder.dir, 'thread')],
      {
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    )
    this.#closed = new Promise((resolve) => this.#child.once('close', resolve))
  }

  /** @param inject rules as strace has them, such as `fsync:error=EIO:when=3`; calls are counted for each thread. */
  static async attach(pid: number, inject: readonly string[] = []): Promise<Trace> {
    const trace = new Trace(pid, inject)
    await trace.#attached()
    return trace
  }

  /** What each thread has called, in its order. */
  async end(): Promise<SystemCall[][]> {
    this.#child.kill('SIGTERM')
    await this.#closed
    const { dir } = this.#folder
    const threads = readdirSync(dir).map((name) => parse(readFileSync(join(dir, name), 'latin1')))
    this.#folder.remove()
    return threads
  }

  #attached(): Promise<void> {
    let said = ''
    return new Promise((resolve, reject) => {
      this.#child.once('error', reject)
      this.#child.once('close', () => reject(new Error(said || 'strace has ended')))
      this.#child.stderr?.on('data', (chunk: Buffer) => {
        said += chunk.toString()
        if (/attached/.test(said)) resolve()
      })
    })
  }
}

const parse = (text: string): SystemCall[] =>
  [...text.matchAll(/^(\w+)\(\d+<(.*?)>[,)].* = (-?\d+)/gm)].map(([, name, path, result]) => ({
    name: name ?? '',
    path: path ?? '',
    failed: Number(result) < 0,
  }))

const isWal = ({ path }: SystemCall) => path.endsWith('-wal')

/** Times that the write-ahead log was made durable. */
export const walSyncs = (threads: readonly SystemCall[][]): number =>
  threads.flat().filter((call) => isWal(call) && isSync(call) && !call.failed).length

const isSync = ({ name }: SystemCall) => name === 'fsync' || name === 'fdatasync'

/** Writes to a socket by a thread that had written to the log and not yet made it durable. */
export function answersBeforeSync(thread: readonly SystemCall[]): number {
  let answers = 0
  let isDirty = false
  for (const call of thread) {
    if (isWal(call)) isDirty = isSync(call) ? call.failed : true
    else if (call.path.startsWith('socket:') && isDirty) answers += 1
  }
  return answers
}
