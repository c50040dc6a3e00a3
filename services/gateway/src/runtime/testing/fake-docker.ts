import { Readable } from 'node:stream'
import type { DockerApi, DockerContainer, DockerEvent, DockerUsage } from '../docker-api.ts'
import type { LiveBounds, WorkerContainer } from '../docker-spec.ts'

interface FakeContainer {
  readonly body: WorkerContainer
  running: boolean
  bounds: LiveBounds
}

/**
 * A Docker whose containers hold nothing, for faults that a real one does not make when asked. A test changes the
 * methods that it wants to fail.
 */
export class FakeDocker implements DockerApi {
  readonly containers = new Map<string, FakeContainer>()
  readonly images = new Map<string, string>()
  readonly built: string[][] = []
  /** What each opening of the event stream yields before it breaks. */
  readonly eventStreams: DockerEvent[][] = []
  readonly eventsSince: string[] = []

  async ping(): Promise<void> {}

  async container(name: string): Promise<DockerContainer | null> {
    const found = this.containers.get(name)
    if (!found) return null
    return {
      id: name,
      imageId: this.images.get(found.body.Image) ?? '',
      labels: found.body.Labels,
      running: found.running,
      startedAt: new Date(0),
      exitCode: found.running ? null : 0,
      oomKilled: false,
      bounds: found.bounds,
      mounts: [],
    }
  }

  async containersWith(): Promise<string[]> {
    return [...this.containers.keys()]
  }

  async create(body: WorkerContainer): Promise<boolean> {
    if (this.containers.has(body.name)) return false
    const { NanoCpus, PidsLimit } = body.HostConfig
    this.containers.set(body.name, { body, running: false, bounds: { NanoCpus, PidsLimit } })
    return true
  }

  async start(name: string): Promise<void> {
    const found = this.containers.get(name)
    if (found) found.running = true
  }

  async update(name: string, bounds: LiveBounds): Promise<void> {
    const found = this.containers.get(name)
    if (found) found.bounds = bounds
  }

  async stop(name: string): Promise<void> {
    const found = this.containers.get(name)
    if (found) found.running = false
  }

  async remove(name: string): Promise<void> {
    this.containers.delete(name)
  }

  async exited(_name: string, opts: { signal?: AbortSignal } = {}): Promise<void> {
    await new Promise((_, reject) => {
      opts.signal?.addEventListener('abort', () => reject(new Error('aborted')), { once: true })
    })
  }

  async logs(): Promise<Readable | null> {
    return Readable.from([])
  }

  async usage(): Promise<DockerUsage | null> {
    return null
  }

  async *events(_label: string, opts: { since: string }): AsyncGenerator<DockerEvent> {
    this.eventsSince.push(opts.since)
    yield* this.eventStreams.shift() ?? []
    throw new Error('the stream broke')
  }

  async imageId(name: string): Promise<string | null> {
    return this.images.get(name) ?? null
  }

  async build(image: { name: string; files: readonly string[] }): Promise<void> {
    this.built.push([...image.files])
    this.images.set(image.name, `sha256:${this.built.length}`)
  }
}
