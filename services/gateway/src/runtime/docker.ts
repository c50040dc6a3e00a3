import { DatabaseId, type EngineName } from '@db-forge/contract'
import { EXIT } from '@db-forge/contract/wire'
import { type Clock, systemClock } from '../clock.ts'
import { KeyedQueue } from '../keyed-queue.ts'
import { type DataLayout, dataLayout } from './data-layout.ts'
import { giveFolder, makeDatabaseFolder, removeDatabaseFolder } from './database-folder.ts'
import { type DockerApi, type DockerContainer, DockerRefusedError } from './docker-api.ts'
import { followEvents } from './docker-events.ts'
import { type WorkerImage, WorkerImageError } from './docker-image.ts'
import { logLines } from './docker-log-stream.ts'
import type { HostPlacement } from './docker-placement.ts'
import {
  LABEL,
  STOP_GRACE_SECONDS,
  type WorkerContainer,
  workerContainer,
  workerContainerName,
} from './docker-spec.ts'
import { lastSaid } from './worker-log.ts'
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
const LOG_TAIL_LINES = 20
const LISTED_AT_ONCE = 16
/** Enough for a name that is taken between the look and the making, and for one that is being given up. */
const TRIES = 20
const RETRY_MS = 100

/** @throws WorkerImageError */
export type WorkerImages = Readonly<Record<EngineName, () => Promise<WorkerImage>>>

export interface DockerRuntimeOptions {
  readonly docker: DockerApi
  readonly layout: DataLayout
  /** Tells the workers of this installation from those of others on the same Docker. */
  readonly instance: string
  /** Makes them where they are not there yet. */
  readonly images: WorkerImages
  readonly placement: HostPlacement
  readonly readyTimeoutMs?: number
  readonly clock?: Clock
  readonly folders?: Folders
  readonly workerReady?: typeof workerReady
}

/** Where databases' data lie. */
export interface Folders {
  make(layout: DataLayout, id: DatabaseId): Promise<void>
  give(dir: string, uid: number, gid: number): Promise<void>
  remove(layout: DataLayout, id: DatabaseId): Promise<void>
}

const diskFolders: Folders = {
  make: makeDatabaseFolder,
  give: giveFolder,
  remove: removeDatabaseFolder,
}

/** Workers as containers, one for each database. They outlive the gateway. */
export class DockerRuntime implements WorkerRuntime {
  readonly kind = 'docker'
  readonly isolation =
    'Each database has a container of its own, held to its memory and processor limits, with no network, no privileges, a read-only system and its own folder only.'
  readonly #docker: DockerApi
  readonly #options: DockerRuntimeOptions
  readonly #clock: Clock
  readonly #folders: Folders
  readonly #workerReady: typeof workerReady
  readonly #turns = new KeyedQueue<string>()
  readonly #closed = new AbortController()

  constructor(options: DockerRuntimeOptions) {
    this.#docker = options.docker
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#folders = options.folders ?? diskFolders
    this.#workerReady = options.workerReady ?? workerReady
  }

  async ensure(spec: WorkerSpec, opts: CallOptions = {}): Promise<WorkerInfo> {
    const id = DatabaseId.parse(spec.databaseId)
    return this.#turns.run(id, async () => {
      opts.signal?.throwIfAborted()
      const image = await this.#image(spec.engine)
      const body = this.#body(spec, image)
      const there = await this.#fitting(body, image, spec, opts)
      if (there?.running) return this.#info(id, there)
      await this.#prepareFolder(id)
      await this.#bringUp(body, spec, there !== null, opts).catch(async (error: unknown) => {
        const left = await this.#own(id)
        // Docker was ended as it removed it: it is there and can never be started again.
        const isSpoilt = left && (error as Error).cause instanceof DockerRefusedError
        // Or it was removed by hand between our look and its start.
        if (!isSpoilt && (left || !there)) throw error
        if (left) await this.#remove(left)
        await this.#bringUp(body, spec, false, opts)
      })
      const started = await this.#own(id)
      if (!started) throw new WorkerStartError('the container was removed as it started')
      return this.#info(id, started)
    })
  }

  async inspect(id: DatabaseId): Promise<WorkerInfo | null> {
    const container = await this.#own(id)
    return container && this.#info(id, container)
  }

  async list(): Promise<WorkerInfo[]> {
    const ids = await this.#docker.containersWith(this.#label)
    const found: (DockerContainer | null)[] = []
    for (let at = 0; at < ids.length; at += LISTED_AT_ONCE) {
      const some = ids.slice(at, at + LISTED_AT_ONCE)
      found.push(...(await Promise.all(some.map((id) => this.#docker.container(id)))))
    }
    return found.flatMap((container) => {
      const id = DatabaseId.safeParse(container?.labels[LABEL.databaseId])
      return container && id.success ? [this.#info(id.data, container)] : []
    })
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
      const container = await this.#own(id)
      if (container) await this.#remove(container)
    })
  }

  async removeData(id: DatabaseId): Promise<void> {
    await this.#turns.run(DatabaseId.parse(id), async () => {
      if (await this.#own(id)) throw new WorkerPresentError(id)
      await this.#folders.remove(this.#options.layout, id)
    })
  }

  async *logs(
    id: DatabaseId,
    opts: CallOptions & { readonly follow: boolean; readonly tail: number },
  ): AsyncGenerator<LogLine> {
    const container = await this.#own(id)
    if (!container) return
    const { signal: closed } = this.#closed
    const signal = opts.signal ? AbortSignal.any([opts.signal, closed]) : closed
    const stream = await this.#docker.logs(container.id, { ...opts, signal })
    try {
      if (stream) yield* logLines(stream)
    } catch (error) {
      if (!signal.aborted) throw error
    } finally {
      stream?.destroy()
    }
  }

  async usage(id: DatabaseId): Promise<WorkerUsage | null> {
    const container = await this.#own(id)
    return container?.running ? this.#docker.usage(container.id) : null
  }

  watch(onEvent: (event: WorkerEvent) => void, { signal }: { readonly signal: AbortSignal }): void {
    const until = AbortSignal.any([signal, this.#closed.signal])
    void followEvents(this.#docker, this.#label, onEvent, until, this.#clock)
  }

  async ping(opts: CallOptions = {}): Promise<void> {
    await this.#docker.ping(opts)
  }

  async close(): Promise<void> {
    this.#closed.abort()
  }

  get #label(): string {
    return `${LABEL.instance}=${this.#options.instance}`
  }

  async #image(engine: EngineName): Promise<WorkerImage> {
    try {
      return await this.#options.images[engine]()
    } catch (cause) {
      if (!(cause instanceof WorkerImageError)) throw cause
      const last = cause.buildTail.at(-1)
      throw new EngineUnavailableError(`${cause.message}${last ? `: ${last}` : ''}`, { cause })
    }
  }

  #body(spec: WorkerSpec, image: WorkerImage): WorkerContainer {
    const { instance, placement } = this.#options
    const { dataRoot, uid, gid } = placement
    const hostDir = dataLayout(dataRoot).databaseDir(spec.databaseId)
    return workerContainer(spec, { instance, image: image.name, hostDir, uid, gid })
  }

  /** The worker's container, if it is of this form, and answers if it runs. What is not so is taken away. */
  async #fitting(
    body: WorkerContainer,
    image: WorkerImage,
    spec: WorkerSpec,
    opts: CallOptions,
  ): Promise<DockerContainer | null> {
    const there = await this.#own(spec.databaseId)
    if (!there) return null
    const fits = there.labels[LABEL.form] === body.Labels[LABEL.form] && there.imageId === image.id
    if (fits) await this.#rebound(there, body)
    if (fits && there.running && (await this.#answers(spec, opts))) return there
    await this.#stop(spec.databaseId)
    if (fits) return { ...there, running: false }
    await this.#remove(there)
    return null
  }

  /** Gives it the bounds that can be changed while it runs. */
  async #rebound({ id, bounds }: DockerContainer, { HostConfig }: WorkerContainer): Promise<void> {
    const { NanoCpus, PidsLimit } = HostConfig
    if (bounds.NanoCpus === NanoCpus && bounds.PidsLimit === PidsLimit) return
    await this.#docker.update(id, { NanoCpus, PidsLimit })
  }

  /** Null if there is none, or if it is another installation's. */
  async #own(id: DatabaseId): Promise<DockerContainer | null> {
    const container = await this.#docker.container(workerContainerName(id))
    return container && this.#isOwn(container) ? container : null
  }

  #isOwn({ labels }: DockerContainer): boolean {
    return labels[LABEL.instance] === this.#options.instance
  }

  async #prepareFolder(id: DatabaseId): Promise<void> {
    const { layout, placement } = this.#options
    await this.#folders.make(layout, id)
    if (placement.chown)
      await this.#folders.give(layout.databaseDir(id), placement.uid, placement.gid)
  }

  async #create(body: WorkerContainer): Promise<void> {
    for (let left = TRIES; left > 0; left--) {
      if (await this.#docker.create(body)) return
      const there = await this.#docker.container(body.name)
      if (there && !this.#isOwn(there))
        throw new WorkerStartError(`a container ${body.name} of another installation is there`)
      if (there?.labels[LABEL.form] === body.Labels[LABEL.form]) return
      await this.#clock.sleep(RETRY_MS)
    }
    throw new WorkerStartError(`the name ${body.name} does not become free`)
  }

  /** Creates the container if it is not there, starts it, and waits for the worker in it. */
  async #bringUp(body: WorkerContainer, spec: WorkerSpec, there: boolean, opts: CallOptions) {
    try {
      if (!there) await this.#create(body)
      await this.#docker.start(body.name)
      await this.#ready(spec, { ...opts, ranBefore: false })
    } catch (cause) {
      opts.signal?.throwIfAborted()
      if (cause instanceof RuntimeUnavailableError) throw cause
      throw await this.#startError(body.name, cause)
    }
  }

  /** Waits for the worker in a running container, and no longer than that runs. */
  async #ready(spec: WorkerSpec, how: CallOptions & { ranBefore: boolean }): Promise<void> {
    const over = new AbortController()
    const gone = new AbortController()
    const name = workerContainerName(spec.databaseId)
    const exited = this.#docker.exited(name, { signal: over.signal })
    exited.then(() => gone.abort(new Error('the worker ended'))).catch(() => {})
    try {
      await this.#workerReady({
        runDir: this.#options.layout.runDir(spec.databaseId),
        databaseId: spec.databaseId,
        timeoutMs: this.#options.readyTimeoutMs ?? READY_MS,
        accepts: ({ specHash }) => specHash === spec.hash,
        ranBefore: how.ranBefore,
        signal: either(gone.signal, how.signal),
      })
    } finally {
      over.abort()
    }
  }

  async #answers(spec: WorkerSpec, opts: CallOptions): Promise<boolean> {
    try {
      await this.#ready(spec, { ...opts, ranBefore: true })
      return true
    } catch {
      opts.signal?.throwIfAborted()
      return false
    }
  }

  /** What went wrong; leaves the container stopped, for a look at it. */
  async #startError(name: string, cause: unknown): Promise<Error> {
    if (cause instanceof WorkerStartError) return cause
    if (cause instanceof DockerRefusedError)
      return new WorkerStartError(`Docker does not start the worker: ${cause.message}`, [], {
        cause,
      })
    const container = await this.#docker.container(name)
    await this.#docker.stop(name, 0)
    const tail: string[] = []
    const stream = await this.#docker.logs(name, { follow: false, tail: LOG_TAIL_LINES })
    if (stream) for await (const { line } of logLines(stream)) tail.push(line)
    if (container?.exitCode === EXIT.engineUnavailable && !container.running)
      return new EngineUnavailableError(lastSaid(tail), { cause })
    return new WorkerStartError(startFailure(container), tail, { cause })
  }

  async #stop(id: DatabaseId, graceMs = STOP_GRACE_SECONDS * 1000): Promise<void> {
    const container = await this.#own(id)
    if (container?.running) await this.#docker.stop(container.id, Math.ceil(graceMs / 1000))
  }

  async #remove({ id }: DockerContainer): Promise<void> {
    await this.#docker.remove(id)
    for (let left = TRIES; left > 0 && (await this.#docker.container(id)); left--)
      await this.#clock.sleep(RETRY_MS)
  }

  #info(databaseId: DatabaseId, container: DockerContainer): WorkerInfo {
    const { labels, running, startedAt, exitCode, oomKilled } = container
    return {
      databaseId,
      specHash: labels[LABEL.specHash] ?? '',
      runDir: this.#options.layout.runDir(databaseId),
      state: running
        ? { status: 'running', since: startedAt }
        : { status: 'exited', exitCode, oomKilled },
    }
  }
}

function startFailure(container: DockerContainer | null): string {
  if (!container) return 'the container was removed as it started'
  if (container.running) return 'the worker did not answer in time'
  if (container.oomKilled) return 'the worker ran out of memory'
  return `the worker ended with code ${container.exitCode}`
}

function either(...signals: (AbortSignal | undefined)[]): AbortSignal {
  return AbortSignal.any(signals.filter((signal) => signal !== undefined))
}
