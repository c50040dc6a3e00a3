import { Readable } from 'node:stream'
import { stripVTControlCharacters } from 'node:util'
import Dockerode from 'dockerode'
import { type BuildLine, containerOf, eventOf, jsonLines, usageOf } from './docker-answers.ts'
import {
  type Cancellable,
  type DockerApi,
  type DockerContainer,
  type DockerEvent,
  DockerRefusedError,
  type DockerUsage,
} from './docker-api.ts'
import type { LiveBounds, WorkerContainer } from './docker-spec.ts'
import { RuntimeUnavailableError } from './worker-runtime.ts'

const PING_MS = 2_000
const ANSWER_MS = 30_000

/** What dockerode can do and its types do not say. */
interface Untyped {
  createContainer(body: WorkerContainer & { abortSignal: AbortSignal }): Promise<unknown>
  ping(opts: { abortSignal: AbortSignal }): Promise<unknown>
  getEvents(opts: {
    since: string
    filters: { type: string[]; label: string[] }
    abortSignal: AbortSignal
  }): Promise<NodeJS.ReadableStream>
}

/** Docker over its socket, or where DOCKER_HOST says. Nothing is connected before the first call. */
export class DockerodeApi implements DockerApi {
  readonly #docker: Dockerode & Untyped

  constructor(options?: Dockerode.DockerOptions) {
    this.#docker = new Dockerode(options) as Dockerode & Untyped
  }

  async ping({ signal }: Cancellable = {}): Promise<void> {
    const abortSignal = within(PING_MS, signal)
    await answered(this.#docker.ping({ abortSignal }))
  }

  async container(name: string): Promise<DockerContainer | null> {
    const abortSignal = within(ANSWER_MS)
    const found = this.#docker.getContainer(name).inspect({ abortSignal })
    return orElse(null, [404], answered(found).then(containerOf))
  }

  async containersWith(label: string): Promise<string[]> {
    const found = this.#docker.listContainers({
      all: true,
      filters: { label: [label] },
      abortSignal: within(ANSWER_MS),
    })
    return (await answered(found)).map(({ Id }) => Id)
  }

  async create(body: WorkerContainer): Promise<boolean> {
    const made = this.#docker.createContainer({ ...body, abortSignal: within(ANSWER_MS) })
    return orElse(
      false,
      [409],
      answered(made).then(() => true),
    )
  }

  async start(name: string): Promise<void> {
    const abortSignal = within(ANSWER_MS)
    await orElse(null, [304], answered(this.#docker.getContainer(name).start({ abortSignal })))
  }

  async update(name: string, bounds: LiveBounds): Promise<void> {
    const abortSignal = within(ANSWER_MS)
    await answered(this.#docker.getContainer(name).update({ ...bounds, abortSignal }))
  }

  async stop(name: string, graceSeconds: number): Promise<void> {
    const abortSignal = within(graceSeconds * 1000 + ANSWER_MS)
    const stopped = this.#docker.getContainer(name).stop({ t: graceSeconds, abortSignal })
    await orElse(null, [304, 404], answered(stopped))
  }

  async remove(name: string): Promise<void> {
    const abortSignal = within(ANSWER_MS)
    const removed = this.#docker.getContainer(name).remove({ force: true, v: true, abortSignal })
    // 409: it is being removed already.
    await orElse(null, [404, 409], answered(removed))
  }

  async exited(name: string, { signal }: Cancellable = {}): Promise<void> {
    const abortSignal = signal ?? new AbortController().signal
    await orElse(null, [404], answered(this.#docker.getContainer(name).wait({ abortSignal })))
  }

  async logs(
    name: string,
    opts: Cancellable & { readonly follow: boolean; readonly tail: number },
  ): Promise<Readable | null> {
    const container = this.#docker.getContainer(name)
    const common = { stdout: true, stderr: true, timestamps: true, tail: opts.tail }
    const abortSignal = opts.signal ?? new AbortController().signal
    const stream = opts.follow
      ? answered(container.logs({ ...common, follow: true, abortSignal })).then(
          (output) => output as Readable,
        )
      : answered(container.logs({ ...common, follow: false, abortSignal })).then((output) =>
          Readable.from([output]),
        )
    return orElse(null, [404, 409], stream)
  }

  async usage(name: string): Promise<DockerUsage | null> {
    const abortSignal = within(ANSWER_MS)
    const once = { stream: false, 'one-shot': true, abortSignal } as const
    const stats = answered(this.#docker.getContainer(name).stats(once))
    return orElse(null, [404, 409], stats.then(usageOf))
  }

  async *events(
    label: string,
    { since, signal }: { readonly since: string; readonly signal: AbortSignal },
  ): AsyncGenerator<DockerEvent> {
    const filters = { type: ['container'], label: [label] }
    const options = { since, filters, abortSignal: signal }
    const stream = await answered(this.#docker.getEvents(options))
    for await (const line of jsonLines(stream)) yield eventOf(line)
  }

  async imageId(name: string): Promise<string | null> {
    const found = this.#docker.getImage(name).inspect()
    return orElse(
      null,
      [404],
      answered(found).then(({ Id }) => Id),
    )
  }

  async build(
    image: { name: string; context: string; files: readonly string[]; dockerfile: string },
    onLine: (line: string) => void,
  ): Promise<void> {
    const source = { context: image.context, src: [...image.files] }
    const options = { t: image.name, dockerfile: image.dockerfile, forcerm: true }
    const stream = await answered(this.#docker.buildImage(source, options))
    for await (const line of jsonLines(stream)) {
      const { stream: text = '', error } = line as BuildLine
      for (const part of stripVTControlCharacters(text).split('\n'))
        if (part.trim() !== '') onLine(part.trimEnd())
      if (error !== undefined) throw new DockerRefusedError(500, error.trim())
    }
  }
}

function within(ms: number, signal?: AbortSignal): AbortSignal {
  const timeout = AbortSignal.timeout(ms)
  return signal ? AbortSignal.any([signal, timeout]) : timeout
}

async function orElse<T, E>(
  other: E,
  statuses: readonly number[],
  call: Promise<T>,
): Promise<T | E> {
  try {
    return await call
  } catch (error) {
    if (error instanceof DockerRefusedError && statuses.includes(error.status)) return other
    throw error
  }
}

/** Statuses of a proxy before Docker, or of a Docker that is coming up or going down. */
const AWAY = new Set([502, 503, 504])

/** Tells "it does not answer" from "it refuses": the one concerns all workers, the other this call. */
async function answered<T>(call: Promise<T>): Promise<T> {
  try {
    return await call
  } catch (cause) {
    const { statusCode, message, json } = cause as Refusal
    const said = typeof json?.message === 'string' ? json.message : message
    if (statusCode !== undefined && !AWAY.has(statusCode))
      throw new DockerRefusedError(statusCode, said, { cause })
    throw new RuntimeUnavailableError(`Docker does not answer: ${said}`, { cause })
  }
}

interface Refusal {
  readonly statusCode?: number
  readonly message: string
  readonly json?: { readonly message?: unknown }
}
