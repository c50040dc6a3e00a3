import { randomBytes } from 'node:crypto'
import { mkdir, readFile, realpath, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { EngineName, RuntimeKind } from '@db-forge/contract'
import { POSTGRES_SOCKET } from '@db-forge/contract/wire'
import { type DataLayout, dataLayout } from './data-layout.ts'
import { DockerRuntime, type WorkerImages } from './docker.ts'
import type { DockerApi } from './docker-api.ts'
import { provideWorkerImage, type WorkerImage } from './docker-image.ts'
import { placeWorkers } from './docker-placement.ts'
import { DockerodeApi } from './dockerode-api.ts'
import { ProcessRuntime } from './process.ts'
import { RuntimeUnavailableError, type WorkerRuntime, WorkerStartError } from './worker-runtime.ts'

/** What the kernel leaves for the path of a Unix socket; macOS has a little less. */
const SOCKET_PATH_BYTES_MAX = process.platform === 'linux' ? 107 : 103
const PROBE_READY_MS = 10_000
const PROBE_LIMITS = { memoryMb: 64, cpus: 1, maxSizeMb: 16, pidsMax: null }

/** A worker in both of its forms. */
export interface WorkerProgram {
  /** Its compiled main.js. */
  readonly entry: string
  readonly image: string
  /** A checkout that the image is built from. */
  readonly buildContext?: string | undefined
}

export interface SelectRuntimeOptions {
  readonly mode: 'auto' | RuntimeKind
  readonly layout: DataLayout
  /** The same for the life of an installation, and no other's. */
  readonly instanceId: string
  readonly workers: Readonly<Record<EngineName, WorkerProgram>>
  /** Where processes look for programs, as in PATH. */
  readonly searchPath?: string | undefined
  readonly onProgress?: (line: string) => void
  readonly docker?: DockerApi
}

export interface SelectedRuntime {
  readonly runtime: WorkerRuntime
  /** Why this one, in a sentence for the log and for users. */
  readonly reason: string
}

/**
 * Takes Docker if it answers, has the worker image or can build it, and its workers can be reached from here; else
 * processes, saying why.
 * @throws if the data folder's path is too long for sockets, or if `mode` asks for a Docker that cannot be used
 */
export async function selectRuntime(options: SelectRuntimeOptions): Promise<SelectedRuntime> {
  checkSocketPaths(options.layout)
  if (options.mode === 'process') return processes(options, 'processes were asked for')
  try {
    const runtime = await containers(options)
    return { runtime, reason: options.mode === 'auto' ? 'Docker answers' : 'Docker was asked for' }
  } catch (error) {
    const why = whyNot(error)
    if (options.mode === 'docker')
      throw new Error(`Docker cannot be used: ${why}`, { cause: error })
    return processes(options, `Docker cannot be used: ${why}`)
  }
}

/** @throws if a worker's longest socket would have a longer path than the kernel takes. */
export function checkSocketPaths(layout: DataLayout): void {
  const path = join(layout.runDir(newProbeId()), POSTGRES_SOCKET)
  const excess = Buffer.byteLength(path) - SOCKET_PATH_BYTES_MAX
  if (excess > 0)
    throw new Error(
      `The path of the data folder is ${excess} bytes too long for the sockets in it: choose a shorter one than ${layout.root}`,
    )
}

function processes(options: SelectRuntimeOptions, reason: string): SelectedRuntime {
  const { layout, workers, searchPath } = options
  const entries = { sqlite: workers.sqlite.entry, postgres: workers.postgres.entry }
  return { runtime: new ProcessRuntime({ layout, entries, searchPath }), reason }
}

async function containers(options: SelectRuntimeOptions): Promise<DockerRuntime> {
  const docker = options.docker ?? new DockerodeApi()
  await docker.ping()
  const images = workerImages(docker, options)
  const image = await images.sqlite()
  const layout = dataLayout(await realpath(options.layout.root))
  const placement = await placeWorkers(docker, layout.root)
  const parts = { docker, layout: options.layout, instance: options.instanceId, images, placement }
  await probeOnce(new DockerRuntime({ ...parts, readyTimeoutMs: PROBE_READY_MS }), layout, image)
  // Made ahead where it has to be made; whoever wants it meanwhile waits for the same.
  images.postgres().catch(() => {})
  return new DockerRuntime(parts)
}

function workerImages(docker: DockerApi, options: SelectRuntimeOptions): WorkerImages {
  const provide = (engine: EngineName) =>
    remembered(() => {
      const { image, buildContext } = options.workers[engine]
      const { onProgress = () => {} } = options
      return provideWorkerImage(docker, { engine, image, buildContext, onProgress })
    })
  return { sqlite: provide('sqlite'), postgres: provide('postgres') }
}

/** Made once; again only after it has failed. */
function remembered<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined
  return () => {
    made ??= make().catch((error: unknown) => {
      made = undefined
      throw error
    })
    return made
  }
}

/**
 * Starts a throw-away worker and talks to it. Where Docker keeps its containers in a virtual machine, a socket on a
 * mounted folder is seen from here and does not lead anywhere. What was found is good until the machine restarts.
 */
async function probeOnce(
  runtime: DockerRuntime,
  layout: DataLayout,
  image: WorkerImage,
): Promise<void> {
  const memo = join(layout.workersDir, 'docker-probe')
  const now = `${await bootId()} ${image.id}`
  if ((await readFile(memo, 'utf8').catch(() => '')) === now) return
  const databaseId = newProbeId()
  try {
    await runtime.ensure({
      databaseId,
      engine: 'sqlite',
      generation: 0,
      limits: PROBE_LIMITS,
      hash: 'probe',
    })
  } finally {
    await runtime.stop(databaseId, { graceMs: 0 })
    await runtime.remove(databaseId)
    await runtime.removeData(databaseId)
  }
  await mkdir(layout.workersDir, { recursive: true, mode: 0o700 })
  await writeFile(memo, now)
}

/** Another one after each start of the machine; never the same where that cannot be known. */
async function bootId(): Promise<string> {
  const id = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => newProbeId())
  return id.trim()
}

function newProbeId(): string {
  return `db_${randomBytes(6).toString('hex')}`
}

function whyNot(error: unknown): string {
  if (error instanceof WorkerStartError) {
    const last = error.logTail.at(-1)
    return `a worker that was started to try it cannot be reached from here (${error.message}${last ? `: ${last}` : ''})`
  }
  if (error instanceof RuntimeUnavailableError) return error.message
  return error instanceof Error ? error.message : String(error)
}
