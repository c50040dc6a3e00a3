import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseId, type EngineName } from '@db-forge/contract'
import { EXIT, SOCKETS } from '@db-forge/contract/wire'
import { KeyedQueue } from '../keyed-queue.ts'
import type { DataLayout } from './data-layout.ts'
import { makeDatabaseFolder, removeDatabaseFolder } from './database-folder.ts'
import { type ProcessRecord, ProcessRecords } from './process-record.ts'
import { workerEnv } from './worker-env.ts'
import { workerHealth } from './worker-health.ts'
import { callWorker } from './worker-line.ts'
import { lastSaid, WorkerLog } from './worker-log.ts'
import { adoptWorker, endWorker, launchWorker, type WorkerProcess } from './worker-process.ts'
import { workerReady } from './worker-ready.ts'
import {
  type CallOptions,
  EngineUnavailableError,
  type LogLine,
  RuntimeUnavailableError,
  type WorkerEvent,
  type WorkerInfo,
  WorkerPresentError,
  type WorkerRuntime,
  type WorkerSpec,
  WorkerStartError,
  type WorkerUsage,
} from './worker-runtime.ts'

const READY_MS = 15_000
const GRACE_MS = 10_000
const ANSWER_MS = 1_000
const LOG_TAIL_LINES = 20
const LISTED_AT_ONCE = 32

export interface ProcessRuntimeOptions {
  readonly layout: DataLayout
  /** The workers' compiled main.js. */
  readonly entries: Readonly<Record<EngineName, string>>
  /** Where workers look for programs that they need, as in PATH. */
  readonly searchPath?: string | undefined
  readonly readyTimeoutMs?: number
  readonly graceMs?: number
}

/**
 * Workers as child processes, for machines without Docker. Each is one process with its own folder, but nothing
 * keeps it in there. A gateway that ends takes its workers with it; those of one that was killed go on, and
 * the next gateway finds them by their records and takes them over.
 */
export class ProcessRuntime implements WorkerRuntime {
  readonly kind = 'process'
  readonly isolation =
    'Each database has a process and a folder of its own, but all run as the same user: memory is bounded only roughly, processor time and the file system are not.'
  readonly #layout: DataLayout
  readonly #entries: Readonly<Record<EngineName, string>>
  readonly #searchPath: string
  readonly #readyMs: number
  readonly #graceMs: number
  readonly #records: ProcessRecords
  readonly #turns = new KeyedQueue<string>()
  readonly #finding = new KeyedQueue<string>()
  readonly #known = new Map<DatabaseId, WorkerProcess>()
  readonly #listeners = new Set<(event: WorkerEvent) => void>()
  #closed = false

  constructor(options: ProcessRuntimeOptions) {
    this.#layout = options.layout
    this.#entries = options.entries
    this.#searchPath = options.searchPath ?? ''
    this.#readyMs = options.readyTimeoutMs ?? READY_MS
    this.#graceMs = options.graceMs ?? GRACE_MS
    this.#records = new ProcessRecords(options.layout.workersDir)
  }

  async ensure(spec: WorkerSpec, opts: CallOptions = {}): Promise<WorkerInfo> {
    const id = DatabaseId.parse(spec.databaseId)
    return this.#turns.run(id, async () => {
      opts.signal?.throwIfAborted()
      if (this.#closed) throw new RuntimeUnavailableError('the runtime is closed')
      const current = await this.#running(id)
      if (current && current.specHash === spec.hash && (await this.#answers(id, current, opts)))
        return this.#info(id, current)
      if (current) await endWorker(current, this.#graceMs)
      return this.#info(id, await this.#start(spec, opts))
    })
  }

  async inspect(id: DatabaseId): Promise<WorkerInfo | null> {
    const record = await this.#records.read(DatabaseId.parse(id))
    const worker = await this.#find(id, record)
    if (worker) return this.#info(id, worker)
    return record && this.#info(id, { ...record, exitCode: null, ended: AbortSignal.abort() })
  }

  async list(): Promise<WorkerInfo[]> {
    const ids = await this.#records.ids()
    const found: (WorkerInfo | null)[] = []
    for (let at = 0; at < ids.length; at += LISTED_AT_ONCE)
      found.push(
        ...(await Promise.all(ids.slice(at, at + LISTED_AT_ONCE).map((id) => this.inspect(id)))),
      )
    return found.filter((info) => info !== null)
  }

  async stop(
    id: DatabaseId,
    opts: CallOptions & { readonly graceMs?: number } = {},
  ): Promise<void> {
    await this.#turns.run(DatabaseId.parse(id), () => this.#stop(id, opts.graceMs))
  }

  async remove(id: DatabaseId): Promise<void> {
    await this.#turns.run(DatabaseId.parse(id), async () => {
      await this.#stop(id)
      const record = await this.#records.read(id)
      await this.#known.delete(id)
      await this.#log(id).remove()
      await this.#records.remove(id)
      if (record) this.#tell({ type: 'removed', databaseId: id })
    })
  }

  async removeData(id: DatabaseId): Promise<void> {
    await this.#turns.run(DatabaseId.parse(id), async () => {
      if (await this.inspect(id)) throw new WorkerPresentError(id)
      await removeDatabaseFolder(this.#layout, id)
    })
  }

  async *logs(
    id: DatabaseId,
    opts: CallOptions & { readonly follow: boolean; readonly tail: number },
  ): AsyncGenerator<LogLine> {
    const log = this.#log(DatabaseId.parse(id))
    const worker = opts.follow ? await this.#running(id) : null
    const { lines, end: from } = await log.tail(opts.tail)
    yield* lines
    const ended = worker?.ended ?? AbortSignal.abort()
    yield* log.follow(from, opts.signal ? AbortSignal.any([ended, opts.signal]) : ended)
  }

  async usage(id: DatabaseId): Promise<WorkerUsage | null> {
    if (!(await this.#running(DatabaseId.parse(id)))) return null
    const health = await workerHealth(this.#layout.runDir(id), id, ANSWER_MS)
    if (!health) return null
    const { cpuSeconds, memoryBytes } = health
    return { cpuSeconds, memoryBytes, memoryLimitBytes: null }
  }

  watch(onEvent: (event: WorkerEvent) => void, { signal }: { readonly signal: AbortSignal }): void {
    if (signal.aborted) return
    const listener = (event: WorkerEvent) => onEvent(event)
    this.#listeners.add(listener)
    signal.addEventListener('abort', () => this.#listeners.delete(listener), { once: true })
  }

  async ping(): Promise<void> {
    for (const entry of Object.values(this.#entries))
      await access(entry).catch((cause) => {
        throw new RuntimeUnavailableError('the worker is not built', { cause })
      })
  }

  /** Ends all workers: who stops DB-Forge on a laptop does not expect it to go on. */
  async close(): Promise<void> {
    this.#closed = true
    const running = (await this.list()).filter(({ state }) => state.status === 'running')
    await Promise.all(running.map(({ databaseId }) => this.stop(databaseId)))
  }

  async #start(spec: WorkerSpec, opts: CallOptions): Promise<WorkerProcess> {
    const id = spec.databaseId
    await makeDatabaseFolder(this.#layout, id)
    const log = this.#log(id)
    const output = await log.openForWorker()
    const from = await log.size()
    try {
      const worker = await this.#launch(spec, output.fd)
      await this.#ready(id, worker, { ...opts, ranBefore: false }).catch(async (cause) => {
        await endWorker(worker, 0)
        opts.signal?.throwIfAborted()
        throw await startError(worker, log, from, cause)
      })
      this.#tell({ type: 'started', databaseId: id })
      return worker
    } finally {
      await output.close()
    }
  }

  async #launch(spec: WorkerSpec, output: number): Promise<WorkerProcess> {
    const { databaseId: id, hash: specHash } = spec
    const databaseDir = this.#layout.databaseDir(id)
    const startedAt = new Date()
    // Before the process too: a gateway that dies right here leaves a worker that the next one will look for.
    await this.#records.write(id, { pid: null, specHash, startedAt })
    const worker = await launchWorker({
      entry: this.#entries[spec.engine],
      databaseDir,
      specHash,
      env: { ...workerEnv(spec, databaseDir), ...this.#programs(spec.engine) },
      output,
    })
    this.#keep(id, worker)
    await this.#records.write(id, { pid: worker.pid, specHash, startedAt })
    return worker
  }

  /** What a worker needs to know that runs programs of the machine. */
  #programs(engine: EngineName): Record<string, string> {
    if (engine === 'sqlite') return {}
    return {
      PATH: this.#searchPath,
      DBFORGE_POSTGRES_TEMPLATES: this.#layout.templatesDir,
    }
  }

  #ready(
    id: DatabaseId,
    worker: WorkerProcess,
    { signal, ranBefore }: CallOptions & { readonly ranBefore: boolean },
  ): Promise<void> {
    return workerReady({
      runDir: this.#layout.runDir(id),
      databaseId: id,
      timeoutMs: this.#readyMs,
      signal: signal ? AbortSignal.any([worker.ended, signal]) : worker.ended,
      accepts: ({ pid }) => pid === worker.pid,
      ranBefore,
    })
  }

  async #answers(id: DatabaseId, worker: WorkerProcess, opts: CallOptions): Promise<boolean> {
    try {
      await this.#ready(id, worker, { ...opts, ranBefore: true })
      return true
    } catch {
      opts.signal?.throwIfAborted()
      return false
    }
  }

  async #stop(id: DatabaseId, graceMs = this.#graceMs): Promise<void> {
    const worker = await this.#running(id)
    if (worker) await endWorker(worker, graceMs)
  }

  async #running(id: DatabaseId): Promise<WorkerProcess | null> {
    const worker = await this.#find(id, await this.#records.read(id))
    return worker && !worker.ended.aborted ? worker : null
  }

  /** The worker known to this gateway, running or ended, or else the one that another gateway left running. */
  async #find(id: DatabaseId, record: ProcessRecord | null): Promise<WorkerProcess | null> {
    if (!record || this.#isCurrent(id, record)) return this.#known.get(id) ?? null
    return this.#finding.run(id, async () => {
      if (!this.#isCurrent(id, record)) await this.#adopt(id, record)
      return this.#known.get(id) ?? null
    })
  }

  #isCurrent(id: DatabaseId, record: ProcessRecord): boolean {
    const known = this.#known.get(id)
    return known !== undefined && (!known.ended.aborted || known.pid === record.pid)
  }

  async #adopt(id: DatabaseId, record: ProcessRecord): Promise<void> {
    const path = join(this.#layout.runDir(id), SOCKETS.control)
    const call = await callWorker(path, id, ANSWER_MS).catch(() => null)
    const pid = call?.welcome.pid ?? record.pid
    const worker =
      pid === null
        ? null
        : await adoptWorker({
            pid,
            databaseDir: this.#layout.databaseDir(id),
            specHash: call?.welcome.specHash ?? record.specHash,
            since: record.startedAt,
            line: call?.line ?? null,
          })
    if (worker) this.#keep(id, worker)
    else call?.line.close()
  }

  #keep(id: DatabaseId, worker: WorkerProcess): void {
    this.#known.set(id, worker)
    const onEnd = () => this.#tell({ type: 'exited', databaseId: id })
    worker.ended.addEventListener('abort', onEnd, { once: true })
    if (worker.ended.aborted) onEnd()
  }

  #tell(event: WorkerEvent): void {
    for (const listener of this.#listeners) listener(event)
  }

  #log(id: DatabaseId): WorkerLog {
    return new WorkerLog(join(this.#layout.logsDir, `${id}.log`))
  }

  #info(
    databaseId: DatabaseId,
    worker: { specHash: string; exitCode: number | null; ended: AbortSignal } & (
      | { since: Date }
      | { startedAt: Date }
    ),
  ): WorkerInfo {
    const since = 'since' in worker ? worker.since : worker.startedAt
    return {
      databaseId,
      specHash: worker.specHash,
      runDir: this.#layout.runDir(databaseId),
      state: worker.ended.aborted
        ? { status: 'exited', exitCode: worker.exitCode, oomKilled: false }
        : { status: 'running', since },
    }
  }
}

async function startError(
  worker: WorkerProcess,
  log: WorkerLog,
  from: number,
  cause: unknown,
): Promise<Error> {
  const tail = (await log.tail(LOG_TAIL_LINES, from)).lines.map(({ line }) => line)
  if (worker.exitCode === EXIT.engineUnavailable)
    return new EngineUnavailableError(lastSaid(tail), { cause })
  const why =
    worker.exitCode === null ? 'did not answer in time' : `ended with code ${worker.exitCode}`
  return new WorkerStartError(`the worker ${why}`, tail, { cause })
}
