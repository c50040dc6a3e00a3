import { Readable } from 'node:stream'
import type { DockerApi, DockerContainer, DockerEvent } from '../runtime/docker-api.ts'
import type { LiveBounds, WorkerContainer } from '../runtime/docker-spec.ts'
import { RuntimeUnavailableError } from '../runtime/worker-runtime.ts'
import type { SimContainer, World } from './world.ts'

/** Lets the world go on before and after something happens to it, or ends the caller there. */
export type Pass = <T>(what: string, act: () => T | Promise<T>) => Promise<T>

/** Docker as one gateway meets it. */
export class SimDocker implements DockerApi {
  readonly #world: World
  readonly #pass: Pass

  constructor(world: World, pass: Pass) {
    this.#world = world
    this.#pass = pass
  }

  ping(): Promise<void> {
    return this.#call('ping', () => {})
  }

  container(name: string): Promise<DockerContainer | null> {
    return this.#call('inspect', () => {
      const found = this.#world.find(name)
      return found ? present(found) : null
    })
  }

  containersWith(): Promise<string[]> {
    return this.#call('list', () =>
      [...this.#world.containers.values()].map(({ containerId }) => containerId),
    )
  }

  create(body: WorkerContainer): Promise<boolean> {
    return this.#call('create', () => this.#world.create(body))
  }

  start(name: string): Promise<void> {
    return this.#call('start', () => this.#world.start(name))
  }

  update(name: string, bounds: LiveBounds): Promise<void> {
    return this.#call('update', () => {
      const found = this.#world.find(name)
      if (found) found.bounds = bounds
    })
  }

  stop(name: string): Promise<void> {
    return this.#call('stop', () => this.#world.end(name))
  }

  remove(name: string): Promise<void> {
    return this.#call('remove', () => this.#world.remove(name))
  }

  exited(_name: string, { signal }: { signal?: AbortSignal } = {}): Promise<void> {
    return new Promise((_, reject) => {
      signal?.addEventListener('abort', () => reject(new Error('not waited for any more')))
    })
  }

  async logs(): Promise<Readable | null> {
    return Readable.from([])
  }

  async usage(): Promise<null> {
    return null
  }

  async *events(_label: string, { signal }: { signal: AbortSignal }): AsyncGenerator<DockerEvent> {
    const told: DockerEvent[] = []
    let wake = () => {}
    const listener = (event: DockerEvent) => {
      told.push(event)
      wake()
    }
    this.#world.listeners.add(listener)
    signal.addEventListener('abort', () => wake(), { once: true })
    try {
      while (!signal.aborted) {
        const event = told.shift()
        if (event) {
          await this.#pass('event', () => {})
          // Now and then the stream breaks, and what it carried is lost.
          if (this.#world.scheduler.chance(0.05)) throw new RuntimeUnavailableError('hung up')
          yield event
        } else
          await new Promise<void>((resolve) => {
            wake = resolve
          })
      }
    } finally {
      this.#world.listeners.delete(listener)
    }
  }

  async imageId(): Promise<string> {
    return 'image'
  }

  async build(): Promise<void> {}

  #call<T>(what: string, act: () => T): Promise<T> {
    return this.#pass(`docker ${what}`, () => {
      if (this.#world.isDockerAway) throw new RuntimeUnavailableError('Docker is away')
      return act()
    })
  }
}

const present = ({
  containerId,
  body,
  bounds,
  running,
  startedAt,
}: SimContainer): DockerContainer => ({
  id: containerId,
  imageId: 'image',
  labels: body.Labels,
  running,
  startedAt,
  exitCode: running ? null : 0,
  oomKilled: false,
  bounds,
  mounts: [],
})
