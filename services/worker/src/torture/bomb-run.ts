import { readFileSync, writeFileSync } from 'node:fs'
import { type Link, LinkClosed, Redirected, RemoteError } from '../testing/link.ts'
import { temporaryFolder, WorkerProcess } from '../testing/worker-process.ts'
import { type Bomb, WORDS } from './bomb-list.ts'

const TIMEOUT_MS = 500
const MB = 1024 * 1024

export interface BombFigures {
  readonly name: string
  /** A code, `ok` or `killed`. */
  readonly ended: string
  readonly ms: number
  /** Until a worker answered something else, from both kinds of lane. */
  readonly nextAnswerMs: number
  readonly peakMemoryMb: number
}

/** A worker of 64 MB and a small quota to throw bombs at, one after the other, each on a fresh database. */
export class BombRange {
  #folder: ReturnType<typeof temporaryFolder> | undefined
  #worker: WorkerProcess | undefined

  /** @throws what a bomb ends with that has no code. */
  async throwAt(bomb: Bomb): Promise<BombFigures> {
    const worker = await this.#freshWorker(bomb)
    const links = await Promise.all([worker.reader(), worker.sql()])
    forgetPeakMemory(worker)
    const startedAt = performance.now()
    const ended = await endOf(bomb, ...links)
    const endedAt = performance.now()
    const peakMemoryMb = peakMemory(worker)
    for (const link of links) link.close()
    await this.#answers(ended === 'killed')
    return {
      name: bomb.name,
      ended,
      ms: Math.round(endedAt - startedAt),
      nextAnswerMs: Math.round(performance.now() - endedAt),
      peakMemoryMb,
    }
  }

  async end(): Promise<void> {
    await this.#worker?.end('SIGKILL')
    this.#folder?.remove()
  }

  async #freshWorker({ before = [] }: Bomb): Promise<WorkerProcess> {
    await this.end()
    this.#folder = temporaryFolder()
    const worker = await this.#start(this.#folder.dir)
    const link = await worker.sql()
    for (const sql of [...WORDS, ...before]) await link.query(sql)
    link.close()
    return worker
  }

  async #start(dir: string): Promise<WorkerProcess> {
    const worker = await WorkerProcess.start(dir, { DBFORGE_MAX_SIZE_MB: '64' })
    this.#worker = worker
    return worker
  }

  /** The same worker answers from both kinds of lane; a new one only where the old one had to be ended. */
  async #answers(wasKilled: boolean): Promise<void> {
    let worker = this.#worker as WorkerProcess
    if (wasKilled) {
      await worker.exited
      worker = await this.#start(worker.dir)
    }
    for (const link of await Promise.all([worker.reader(), worker.sql()])) {
      await link.query('select count(*) from w')
      link.close()
    }
  }
}

async function endOf(bomb: Bomb, reader: Link, writer: Link): Promise<string> {
  try {
    await runOn(reader, bomb).catch((error) => {
      if (error instanceof Redirected) return runOn(writer, bomb)
      throw error
    })
    return 'ok'
  } catch (error) {
    if (error instanceof LinkClosed) return 'killed'
    if (error instanceof RemoteError) return error.error.code
    throw error
  }
}

const runOn = (link: Link, { sql, params }: Bomb) =>
  link.query(sql, params, { timeoutMs: TIMEOUT_MS })

const procFile = (worker: WorkerProcess, name: string) => `/proc/${worker.child.pid}/${name}`

/** Linux keeps the highest resident size; this lets it begin anew. */
function forgetPeakMemory(worker: WorkerProcess): void {
  try {
    writeFileSync(procFile(worker, 'clear_refs'), '5')
  } catch {
    // Then the peak since its start is told.
  }
}

function peakMemory(worker: WorkerProcess): number {
  try {
    const status = readFileSync(procFile(worker, 'status'), 'utf8')
    const kib = Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1] ?? Number.NaN)
    return Math.round((kib * 1024) / MB)
  } catch {
    return Number.NaN
  }
}
