import { type Link, LinkClosed, Redirected, RemoteError } from '@db-forge/worker-kit/testing/link'
import { temporaryFolder, WorkerProcess } from '../testing/worker-process.ts'
import { type Bomb, WORDS } from './bomb-list.ts'

const TIMEOUT_MS = 500

/** A worker of 64 MB and a small quota to throw bombs at, one after the other. */
export class BombRange {
  #folder: ReturnType<typeof temporaryFolder> | undefined
  #worker: WorkerProcess | undefined

  /**
   * What the bomb ends with: a code, `ok` or `killed`. Afterwards both kinds of lane answer: of the same worker, or of a
   * new one where the old one had to be ended.
   */
  async throwAt(bomb: Bomb): Promise<string> {
    const worker = this.#worker ?? (await this.#prepare())
    const [reader, writer] = await Promise.all([worker.reader(), worker.sql()])
    for (const sql of bomb.before ?? []) await writer.query(sql)
    const ended = await endOf(bomb, reader, writer)
    reader.close()
    writer.close()
    await this.#answers(worker, ended === 'killed')
    if (ended === 'killed' || leavesTraces(bomb)) await this.end()
    return ended
  }

  async end(): Promise<void> {
    await this.#worker?.end('SIGKILL')
    this.#worker = undefined
    this.#folder?.remove()
  }

  async #prepare(): Promise<WorkerProcess> {
    this.#folder = temporaryFolder()
    const worker = await this.#start(this.#folder.dir)
    const link = await worker.sql()
    for (const sql of WORDS) await link.query(sql)
    link.close()
    return worker
  }

  async #start(dir: string): Promise<WorkerProcess> {
    const worker = await WorkerProcess.start(dir, { DBFORGE_MAX_SIZE_MB: '64' })
    this.#worker = worker
    return worker
  }

  async #answers(worker: WorkerProcess, wasKilled: boolean): Promise<void> {
    if (wasKilled) await worker.exited
    const living = wasKilled ? await this.#start(worker.dir) : worker
    for (const link of await Promise.all([living.reader(), living.sql()])) {
      await link.query('select count(*) from w')
      link.close()
    }
  }
}

const leavesTraces = ({ sql, before }: Bomb): boolean =>
  before !== undefined || !/^(?:select|with)\b/.test(sql)

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
