import type { DatabaseId } from '@db-forge/contract'
import type { Clock } from '../clock.ts'
import { composeLife, type Life } from '../compose-life.ts'
import { Catalog } from '../core/catalog.ts'
import { Databases } from '../core/databases.ts'
import { LeaseLeadership } from '../core/lease-leadership.ts'
import { RunningQueries } from '../core/running-queries.ts'
import { Spawning } from '../core/spawning.ts'
import { engines } from '../engines/registry.ts'
import type { EventBus } from '../events/event-bus.ts'
import { type EventReference, referenceTo } from '../events/event-reference.ts'
import { createMemoryEventBus } from '../events/memory-event-bus.ts'
import { dataLayout } from '../runtime/data-layout.ts'
import { DockerRuntime } from '../runtime/docker.ts'
import { LABEL } from '../runtime/docker-spec.ts'
import type { MetadataStore } from '../store/metadata-store.ts'
import { LinkDownError } from '../worker-link/link-errors.ts'
import type { WorkerLink } from '../worker-link/worker-link.ts'
import { SimDocker } from './sim-docker.ts'
import type { SimContainer, World } from './world.ts'

export interface SimSettings {
  readonly pool: number
  readonly sleepAfterMs: number
  readonly runningMax: number
  readonly deletedKeptMs: number
  /** How many share the store. */
  readonly gateways: number
}

interface SimLink {
  readonly container: SimContainer
  readonly link: WorkerLink
}

const layout = dataLayout('/data')
const forever = () => new Promise<never>(() => {})
const silent = { info() {}, warn() {}, error() {} }

/**
 * A gateway's control plane, the real one, in a simulated world. Whatever it does to the world has two points, before
 * and after, at each of which it may die: then nothing of it goes on, and only the world is left.
 */
export class SimGateway {
  readonly databases: Databases
  readonly spawning: Spawning
  readonly died: Promise<void>
  /** What it has done, for whoever wants to know where it died. */
  readonly trail: string[] = []
  /** At which point from now it dies; 0 for none. */
  crashIn = 0
  readonly #world: World
  readonly #life: Life
  readonly #catalog: Catalog
  readonly #leadership: LeaseLeadership
  readonly #events: EventBus
  readonly #links = new Map<DatabaseId, SimLink>()
  readonly #busy = new Map<DatabaseId, number>()
  #isDead = false
  #frozenUntil = 0
  #die = () => {}

  static async start(world: World, settings: SimSettings): Promise<SimGateway> {
    const gateway = new SimGateway(world, settings)
    await gateway.#catalog.reload()
    gateway.#life.start()
    const led = gateway.#leadership.start()
    if (settings.gateways === 1) await Promise.race([led, gateway.died])
    return gateway
  }

  private constructor(world: World, settings: SimSettings) {
    this.#world = world
    this.died = new Promise((resolve) => {
      this.#die = resolve
    })
    const clock = this.#ownClock()
    const store = this.#ownStore()
    const isShared = settings.gateways > 1
    this.#events = this.#ownBus()
    const events = this.#events
    this.#catalog = new Catalog(store, events, 'docker', () => null, { isShared })
    const runtime = new DockerRuntime({
      docker: new SimDocker(world, this.#pass),
      layout,
      instance: 'sim',
      images: { sqlite: async () => IMAGE, postgres: async () => IMAGE },
      placement: { dataRoot: '/data', uid: 1000, gid: 1000, chown: false },
      clock,
      folders: {
        make: (_, id) => this.#pass('make folder', () => this.#makeFolder(id)),
        give: async () => {},
        remove: (_, id) => this.#pass('remove folder', () => world.removeFolder(id)),
      },
      workerReady: ({ databaseId }) =>
        this.#pass('worker ready', () => {
          if (!world.workerOf(databaseId)?.running) throw new Error('the worker ended')
        }),
    })
    const { leases } = store
    const leadership = new LeaseLeadership({ leases, clock, exclusive: !isShared, log: silent })
    this.#leadership = leadership
    this.#life = composeLife({
      config: { ...settings, pool: { sqlite: settings.pool, postgres: 0 } },
      catalog: this.#catalog,
      store,
      runtime,
      links: this.#ownLinks(),
      events,
      leadership,
      clock,
      log: silent,
      readOnly: () => null,
      availableMemory: async () => 1,
      isBusy: (id) => (this.#busy.get(id) ?? 0) > 0,
    })
    const { lifecycle, activity, pool } = this.#life
    const parts = {
      catalog: this.#catalog,
      ...{ store, lifecycle, runtime, engines, leadership, clock, activity, pool },
      telemetry: { queryFinished() {}, spawnFinished() {}, noticed() {} },
      running: new RunningQueries(),
      diskUsage: async () => 0,
      disk: { refuseIfFull() {} },
      deletedKeptMs: settings.deletedKeptMs,
    }
    this.databases = new Databases(parts)
    this.spawning = new Spawning({ ...parts, databases: this.databases })
    world.listeners.add(this.#onDockerEvent)
    world.gateways.add(this)
  }

  get isDead(): boolean {
    return this.#isDead
  }

  /** What another gateway has told. */
  async hear(reference: EventReference): Promise<void> {
    await this.#point('event of another gateway')
    const event = await this.#catalog.follow(reference)
    if (event) this.#events.deliver(event)
  }

  /** Stands still, as a process does that is stopped, and then goes on as if nothing had been. */
  freeze(ms: number): void {
    this.#frozenUntil = this.#world.scheduler.now() + ms
  }

  kill(): void {
    this.#isDead = true
    this.#world.listeners.delete(this.#onDockerEvent)
    this.#world.gateways.delete(this)
    this.#die()
  }

  /** What the job of this kind does. */
  restart(name: string): Promise<void> {
    return this.#life.lifecycle.restart(this.databases.requireRunning(name).id)
  }

  async purge(name: string): Promise<void> {
    for (const { id } of this.databases.doomed(name)) await this.databases.destroy(id)
  }

  /** A client's write; resolves with the database's id once it is acknowledged. */
  async write(name: string, value: number): Promise<DatabaseId> {
    const { lifecycle } = this.#life
    const row = this.databases.require(name)
    this.#busy.set(row.id, (this.#busy.get(row.id) ?? 0) + 1)
    try {
      if (!lifecycle.current(row)) await lifecycle.link(row)
      const { container } = this.#links.get(row.id) ?? {}
      await this.#pass('write', () => {
        if (!container?.running) throw new LinkDownError('the worker is gone', true)
        const folder = this.#world.folders.get(row.id)
        if (!folder) this.#world.faults.push(`a worker of ${row.id} runs without its folder`)
        folder?.writes.add(value)
      })
      return row.id
    } finally {
      this.#busy.set(row.id, (this.#busy.get(row.id) ?? 1) - 1)
    }
  }

  readonly #pass = async <T>(what: string, act: () => T | Promise<T>): Promise<T> => {
    await this.#point(what)
    const result = await settled(act)
    await this.#point(`${what}, done`)
    if ('error' in result) throw result.error
    return result.value
  }

  async #point(what: string): Promise<void> {
    if (this.#isDead) return forever()
    this.trail.push(what)
    if (this.crashIn > 0 && --this.crashIn === 0) this.kill()
    if (this.#isDead) return forever()
    await this.#world.scheduler.point()
    await this.#thawed()
    if (this.#isDead) return forever()
  }

  async #thawed(): Promise<void> {
    const { scheduler } = this.#world
    while (scheduler.now() < this.#frozenUntil)
      await scheduler.sleep(this.#frozenUntil - scheduler.now())
  }

  #makeFolder(id: DatabaseId): void {
    const { folders } = this.#world
    if (!folders.has(id)) folders.set(id, { writes: new Set() })
  }

  #ownClock(): Clock {
    const { scheduler } = this.#world
    return {
      now: () => scheduler.now(),
      date: () => scheduler.date(),
      after: (ms, run) =>
        scheduler.after(ms, () => {
          void this.#thawed().then(() => this.#isDead || run())
        }),
      sleep: async (ms, signal) => {
        await scheduler.sleep(ms, signal)
        await this.#thawed()
        if (this.#isDead) return forever()
      },
    }
  }

  #ownStore(): MetadataStore {
    const { store } = this.#world
    const wrap = <T extends object>(repo: T, name: string): T =>
      new Proxy(repo, {
        get: (target, key) => {
          const value: unknown = Reflect.get(target, key)
          if (typeof value !== 'function') return value
          return (...args: unknown[]) =>
            this.#pass(`store ${name}.${String(key)}`, () => value.apply(target, args))
        },
      })
    return Object.assign(Object.create(store), {
      databases: wrap(store.databases, 'databases'),
      slots: wrap(store.slots, 'slots'),
      leases: wrap(store.leases, 'leases'),
    })
  }

  /** Events reach the other gateways in any order, some of them not at all. */
  #ownBus(): EventBus {
    const { gateways, faults, scheduler } = this.#world
    const local = createMemoryEventBus((error) => faults.push(`listener: ${error}`))
    return {
      ...local,
      publish: (event) => {
        local.publish(event)
        const reference = referenceTo(event)
        for (const other of gateways)
          if (other !== this && !scheduler.chance(0.05)) void other.hear(reference)
      },
    }
  }

  #ownLinks() {
    return {
      current: (id: DatabaseId) => this.#links.get(id)?.link,
      connect: (id: DatabaseId) =>
        this.#pass('connect', () => {
          const known = this.#links.get(id)
          if (known) return known.link
          const container = this.#world.workerOf(id)
          if (!container?.running) throw new LinkDownError('no worker is there', false)
          // As much of a link as the lifecycle of a worker has to do with.
          const link = {
            welcome: { specHash: container.body.Labels[LABEL.specHash], engineVersion: '3' },
            settings: { configure: async () => {} },
            health: async () => null,
          } as unknown as WorkerLink
          this.#links.set(id, { container, link })
          return link
        }),
      drop: (id: DatabaseId) => void this.#links.delete(id),
      close: () => this.#links.clear(),
    }
  }

  readonly #onDockerEvent = () => {
    for (const [id, { container }] of this.#links)
      if (!container.running)
        void this.#point('hang up').then(() => {
          if (this.#links.get(id)?.container !== container) return
          this.#links.delete(id)
          this.#life.lost(id)
        })
  }
}

const IMAGE = { name: 'worker', id: 'image' }

async function settled<T>(
  act: () => T | Promise<T>,
): Promise<{ readonly value: T } | { readonly error: unknown }> {
  try {
    return { value: await act() }
  } catch (error) {
    return { error }
  }
}
