import { setFlagsFromString } from 'node:v8'
import { Worker } from 'node:worker_threads'
import { type Identity, log, StartError, WorkerFailure } from '@db-forge/worker-kit'
import type { Config } from './config.ts'
import type { Folder } from './folder.ts'
import type { LaneClock } from './lane-clock.ts'
import type { FromSqlThread, SqlThreadData, ToSqlThread } from './sql-thread-messages.ts'
import { LANES_MAX, type WorkerState } from './worker-state.ts'

const WRITER = 0
const FIRST_READER = 1
/** A further reader that nobody asks anything ends. */
const READER_IDLE_MS = 60_000

export interface LanesOptions {
  readonly state: WorkerState
  readonly folder: Folder
  readonly config: Config
  readonly identity: Identity
  /** A statement begins and nobody watches. */
  readonly onBusy: () => void
  /** The volume gave a lane no room. */
  readonly onDiskFull: () => void
  readonly onFailure: (error: unknown) => void
}

export interface EngineName {
  readonly name: string
  readonly version: string
}

interface Lane {
  readonly thread: Worker
  readonly clock: LaneClock
  readonly ready: Promise<EngineName>
  readonly stopped: Promise<void>
}

/** Each reader takes about 10 MB, and as much again where large requests come together. */
const readersMax = (memoryMb: number): number =>
  Math.min(Math.max(Math.floor((memoryMb - 16) / 24), 2), 8)

/** The threads that run SQL: one that writes, and those that read. */
export class Lanes {
  readonly #options: LanesOptions
  readonly #lanes = new Map<number, Lane>()
  /** Those that are ready. */
  readonly #open = new Set<number>()
  #stopping = false

  constructor(options: LanesOptions) {
    this.#options = options
    // A small nursery is swept often, and with it go prepared statements that nothing else would finalize.
    setFlagsFromString('--max-semi-space-size=1')
    setFlagsFromString('--optimize-for-size')
    setFlagsFromString('--expose-gc')
  }

  get open(): number[] {
    return [...this.#open].sort((a, b) => a - b)
  }

  get clocks(): ReadonlyMap<number, LaneClock> {
    return new Map([...this.#lanes].map(([lane, { clock }]) => [lane, clock]))
  }

  /** Opens the writer and the first reader. */
  async start(): Promise<EngineName> {
    const writer = this.#begin(WRITER)
    const reader = this.#begin(FIRST_READER)
    const engine = await this.#openLane(WRITER, writer)
    await this.#openLane(FIRST_READER, reader)
    return engine
  }

  /** Opens one more reader. @returns its lane. @throws WorkerFailure where there is no room. */
  async add(): Promise<number> {
    const free = this.#freeLane()
    if (this.#stopping || this.#lanes.size > readersMax(this.#options.config.memoryMb) || !free)
      throw new WorkerFailure('database.busy', 'there are as many readers as there may be')
    await this.#openLane(free, this.#begin(free))
    return free
  }

  tell(message: ToSqlThread): void {
    for (const lane of this.#open) this.#lanes.get(lane)?.thread.postMessage(message)
  }

  checkpoint(): void {
    this.#lanes.get(WRITER)?.thread.postMessage({ type: 'checkpoint' } satisfies ToSqlThread)
  }

  /** Readers first, so that nothing is in the way of the writer's last checkpoint. */
  async stop(): Promise<void> {
    this.#stopping = true
    const readers = [...this.#lanes].filter(([lane]) => lane !== WRITER)
    await Promise.all(readers.map(([, lane]) => stopLane(lane)))
    const writer = this.#lanes.get(WRITER)
    if (writer) await stopLane(writer)
  }

  #freeLane(): number | undefined {
    for (let lane = FIRST_READER + 1; lane < LANES_MAX; lane += 1)
      if (!this.#lanes.has(lane)) return lane
    return undefined
  }

  async #openLane(number: number, lane: Lane): Promise<EngineName> {
    lane.thread.postMessage({ type: 'open' } satisfies ToSqlThread)
    const engine = await lane.ready
    this.#open.add(number)
    return engine
  }

  #begin(number: number): Lane {
    const { state, folder, config, identity, onFailure } = this.#options
    const { memoryMb } = config
    const workerData: SqlThreadData = {
      shared: state.shared,
      lane: number,
      databasePath: folder.database,
      socketPath: folder.laneSocket(number),
      identity,
      memoryMb,
      idleMsMax: number > FIRST_READER ? READER_IDLE_MS : null,
    }
    const thread = new Worker(new URL('./sql-thread.js', import.meta.url), {
      workerData,
      name: `lane ${number}`,
      resourceLimits: {
        maxOldGenerationSizeMb: Math.max(24, Math.floor(memoryMb / 2)),
      },
    })
    thread.on('error', onFailure)
    const lane = this.#follow(number, thread)
    this.#lanes.set(number, lane)
    thread.once('exit', () => this.#lanes.get(number) === lane && this.#lanes.delete(number))
    return lane
  }

  #follow(number: number, thread: Worker): Lane {
    const { state, onBusy, onDiskFull } = this.#options
    let stopped = () => {}
    const ready = new Promise<EngineName>((resolve, reject) => {
      thread.on('message', (message: FromSqlThread) => {
        if (message.type === 'busy') onBusy()
        else if (message.type === 'diskFull') onDiskFull()
        else if (message.type === 'ready')
          resolve({ name: message.engineName, version: message.engineVersion })
        else if (message.type === 'refused')
          reject(new StartError(message.exitCode, message.message))
        else stopped()
      })
    })
    ready.catch(() => undefined)
    return {
      thread,
      clock: state.lane(number),
      ready,
      stopped: new Promise((resolve) => {
        stopped = () => {
          this.#ended(number)
          resolve()
        }
      }),
    }
  }

  #ended(number: number): void {
    this.#open.delete(number)
    this.#lanes.delete(number)
    if (!this.#stopping) log('info', 'a reader that nobody asked ended', { lane: number })
  }
}

async function stopLane({ thread, stopped }: Lane): Promise<void> {
  thread.postMessage({ type: 'stop' } satisfies ToSqlThread)
  await stopped
}
