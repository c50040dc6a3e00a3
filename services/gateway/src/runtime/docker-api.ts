import type { Readable } from 'node:stream'
import type { LiveBounds, WorkerContainer } from './docker-spec.ts'

/** A container, as far as it matters here. */
export interface DockerContainer {
  readonly id: string
  readonly imageId: string
  readonly labels: Readonly<Record<string, string>>
  readonly running: boolean
  readonly startedAt: Date
  /** Null before the first start. */
  readonly exitCode: number | null
  readonly oomKilled: boolean
  readonly bounds: LiveBounds
  /** `source` is the path on Docker's host, for a volume too. */
  readonly mounts: readonly { readonly source: string; readonly destination: string }[]
}

export interface DockerUsage {
  readonly cpuSeconds: number
  readonly memoryBytes: number
  readonly memoryLimitBytes: number
}

export interface DockerEvent {
  readonly action: string
  readonly labels: Readonly<Record<string, string>>
  /** Seconds since 1970 with their fraction, as Docker takes it for `since`. */
  readonly time: string
}

export interface Cancellable {
  readonly signal?: AbortSignal
}

/** Docker answered, and refused. */
export class DockerRefusedError extends Error {
  readonly status: number
  constructor(status: number, message: string, options?: ErrorOptions) {
    super(message, options)
    this.status = status
  }
}

/**
 * What is asked of Docker, in our words. All methods converge: what is so already is no error. All throw
 * RuntimeUnavailableError if Docker does not answer, and DockerRefusedError if it will not.
 */
export interface DockerApi {
  ping(opts?: Cancellable): Promise<void>
  /** Null if there is no such container. */
  container(name: string): Promise<DockerContainer | null>
  /** Ids of containers, running or not, that carry this label. */
  containersWith(label: string): Promise<string[]>
  /** False if the name is taken. */
  create(body: WorkerContainer): Promise<boolean>
  start(name: string): Promise<void>
  /** Of a container, running or not. */
  update(name: string, bounds: LiveBounds): Promise<void>
  stop(name: string, graceSeconds: number): Promise<void>
  /** Removes a container, running or not, and its anonymous volumes. */
  remove(name: string): Promise<void>
  /** Resolves when the container does not run, or is not there. */
  exited(name: string, opts?: Cancellable): Promise<void>
  /** Docker's multiplexed stream of both outputs, each line with its time. Null if there is no such container. */
  logs(
    name: string,
    opts: Cancellable & { readonly follow: boolean; readonly tail: number },
  ): Promise<Readable | null>
  /** Null if there is no such container. */
  usage(name: string): Promise<DockerUsage | null>
  /** What happens to containers with this label; ends when Docker hangs up. */
  events(
    label: string,
    opts: { readonly since: string; readonly signal: AbortSignal },
  ): AsyncIterable<DockerEvent>
  /** Null if there is no such image. */
  imageId(name: string): Promise<string | null>
  /** Builds an image of files of a folder, and tells what the build prints. */
  build(
    image: {
      readonly name: string
      readonly context: string
      readonly files: readonly string[]
      readonly dockerfile: string
    },
    onLine: (line: string) => void,
  ): Promise<void>
}
