import type { DatabaseId, EngineName, PlatformStats } from '@db-forge/contract'
import type { Clock } from '../clock.ts'
import type { EngineRegistry } from '../engines/engine-recipe.ts'
import { EngineUnavailableError, type WorkerRuntime } from '../runtime/worker-runtime.ts'
import type { MetadataStore } from '../store/metadata-store.ts'
import type { WorkerLinks } from '../worker-link/worker-links.ts'
import { newDatabaseId } from './database-id.ts'
import type { Leadership } from './leadership.ts'
import type { StartGate } from './start-gate.ts'
import type { CoreLog } from './telemetry.ts'

/** Also what a memory that was short is looked at again after. */
const LOOK_EVERY_MS = 5_000
const RETRY_MS = { first: 1_000, longest: 60_000 }
/** What an engine lacks is seldom put right soon. */
const UNAVAILABLE_MS = 600_000

export interface WarmPoolOptions {
  readonly store: MetadataStore
  readonly runtime: WorkerRuntime
  readonly engines: EngineRegistry
  readonly links: Pick<WorkerLinks, 'current' | 'connect' | 'drop'>
  readonly gate: StartGate
  readonly leadership: Pick<Leadership, 'term'>
  readonly clock: Clock
  readonly log: CoreLog
  /** How many are kept ready. */
  readonly targets: Readonly<Record<EngineName, number>>
  /** False while the machine is short of memory, or the volume of room: then none are kept. */
  readonly hasRoom: () => Promise<boolean>
}

interface Shelf {
  readonly engine: EngineName
  readonly ready: DatabaseId[]
  failures: number
  notBefore: number
}

/**
 * Workers that run, each on a folder of its own, before there is a database for them. Whoever spawns one with the
 * limits that they have takes its id: a row in place of the slot, and the worker is the database's. Slots are rows
 * too, so none is lost or served twice, whichever gateway dies when.
 */
export class WarmPool {
  readonly #o: WarmPoolOptions
  readonly #shelves: ReadonlyMap<EngineName, Shelf>
  readonly #known = new Set<DatabaseId>()
  /** Of those, what a spawn is about to claim. */
  readonly #taken = new Set<DatabaseId>()
  /** Of those, what is to be removed, now or when it can be. */
  readonly #leaving = new Set<DatabaseId>()
  #filling: Promise<void> | undefined
  #cancelLook: (() => void) | undefined
  #closed = false

  constructor(options: WarmPoolOptions) {
    this.#o = options
    this.#shelves = new Map(
      Object.values(options.engines).map(({ name }) => [
        name,
        { engine: name, ready: [], failures: 0, notBefore: 0 },
      ]),
    )
  }

  /** Takes over what is there and goes on keeping the pool filled. Called when this gateway comes to lead. */
  start(): void {
    for (const { ready } of this.#shelves.values()) ready.length = 0
    this.fill()
  }

  /** Workers stay; the next leader takes them over. */
  async close(): Promise<void> {
    this.#closed = true
    this.#cancelLook?.()
    await this.#filling
  }

  /** Whether a worker of this id is a slot's. */
  owns(id: DatabaseId): boolean {
    return this.#known.has(id)
  }

  get sizes(): PlatformStats['pool'] {
    const sizeOf = (engine: EngineName) => ({
      ready: this.#shelves.get(engine)?.ready.length ?? 0,
      target: this.#o.targets[engine],
    })
    return { sqlite: sizeOf('sqlite'), postgres: sizeOf('postgres') }
  }

  /** A slot whose worker is connected; undefined when there is none. It is the caller's until `giveBack`. */
  async take(engine: EngineName): Promise<DatabaseId | undefined> {
    if (this.#o.leadership.term === null) return this.#takeElsewhere(engine)
    const ready = this.#shelves.get(engine)?.ready ?? []
    for (let id = ready.shift(); id; id = ready.shift()) {
      if (this.#o.links.current(id)) {
        this.#taken.add(id)
        return id
      }
      this.#leaving.add(id)
    }
    return undefined
  }

  /** It was not claimed after all. */
  giveBack(engine: EngineName, id: DatabaseId): void {
    if (this.#taken.delete(id)) this.#shelves.get(engine)?.ready.push(id)
  }

  /** It is a database now. */
  claimed(engine: EngineName, id: DatabaseId): void {
    this.#known.delete(id)
    this.#taken.delete(id)
    const ready = this.#shelves.get(engine)?.ready
    const at = ready?.indexOf(id) ?? -1
    if (at >= 0) ready?.splice(at, 1)
    this.fill()
  }

  /** The worker of a slot is gone. */
  lost(id: DatabaseId): void {
    for (const { ready } of this.#shelves.values()) {
      const at = ready.indexOf(id)
      if (at >= 0) ready.splice(at, 1)
    }
    this.#leaving.add(id)
    this.fill()
  }

  /** Brings the pool to its size in the background. */
  fill(): void {
    if (this.#closed || this.#o.leadership.term === null) return
    this.#filling ??= this.#fill()
      .catch((error: unknown) => this.#o.log.error({ err: error }, 'the warm pool failed'))
      .finally(() => {
        this.#filling = undefined
      })
    this.#cancelLook?.()
    this.#cancelLook = this.#o.clock.after(LOOK_EVERY_MS, () => this.fill())
  }

  async #fill(): Promise<void> {
    await this.#takeOver()
    for (const id of this.#leaving) await this.#retire(id)
    for (const shelf of this.#shelves.values()) {
      const hasRoom = await this.#o.hasRoom()
      const target = hasRoom ? this.#o.targets[shelf.engine] : 0
      while (shelf.ready.length > target) {
        const id = shelf.ready.pop()
        if (id) this.#leaving.add(id)
      }
      while (!this.#closed && this.#o.leadership.term !== null && this.#lacks(shelf, target))
        await this.#make(shelf)
    }
    for (const id of this.#leaving) await this.#retire(id)
  }

  #lacks(shelf: Shelf, target: number): boolean {
    return shelf.ready.length < target && this.#o.clock.now() >= shelf.notBefore
  }

  async #make(shelf: Shelf): Promise<void> {
    const { store, gate } = this.#o
    const id = newDatabaseId()
    this.#known.add(id)
    try {
      await store.slots.insert(id, shelf.engine)
      await gate.run('background', () => this.#bringUp(shelf.engine, id))
      if (!(await store.slots.move(id, 'making', 'ready'))) {
        // Another leader has given it up meanwhile, perhaps before its worker was there. It was never anybody's.
        await this.#o.runtime.remove(id)
        await this.#o.runtime.removeData(id)
        throw new Error('the slot is gone')
      }
      shelf.failures = 0
      shelf.ready.push(id)
    } catch (error) {
      this.#hold(shelf, error)
      this.#leaving.add(id)
    }
  }

  async #bringUp(engine: EngineName, id: DatabaseId): Promise<void> {
    const { engines, runtime, links } = this.#o
    const recipe = engines[engine]
    const spec = recipe.workerSpec({ id, limits: recipe.defaultLimits, generation: 1 })
    await runtime.ensure(spec)
    await links.connect(id)
  }

  #hold(shelf: Shelf, error: unknown): void {
    const unavailable = error instanceof EngineUnavailableError
    shelf.failures += 1
    const waitMs = Math.min(RETRY_MS.first * 2 ** (shelf.failures - 1), RETRY_MS.longest)
    shelf.notBefore = this.#o.clock.now() + (unavailable ? UNAVAILABLE_MS : waitMs)
    this.#o.log.warn(
      { engine: shelf.engine, err: error },
      unavailable
        ? 'no workers of this engine are kept ready'
        : 'a worker for the warm pool did not start',
    )
  }

  /** Slots of who led before, who may only now have come to its end with one; and those that were claimed elsewhere. */
  async #takeOver(): Promise<void> {
    const slots = await this.#o.store.slots.all()
    const readyNow = new Set(slots.filter(({ state }) => state === 'ready').map(({ id }) => id))
    for (const shelf of this.#shelves.values()) {
      const there = shelf.ready.filter((id) => readyNow.has(id))
      shelf.ready.splice(0, shelf.ready.length, ...there)
      for (const id of there) readyNow.delete(id)
    }
    const ids = new Set(slots.map(({ id }) => id))
    for (const id of this.#known) if (!ids.has(id)) this.#known.delete(id)
    for (const { id, engine, state } of slots) {
      this.#known.add(id)
      if (this.#taken.has(id) || this.#leaving.has(id)) continue
      if (state !== 'ready') this.#leaving.add(id)
      else if (readyNow.has(id)) await this.#readopt(id, engine)
    }
  }

  /** A slot of the gateway before goes on if its worker is as it should be. */
  async #readopt(id: DatabaseId, engine: EngineName): Promise<void> {
    try {
      await this.#o.gate.run('background', () => this.#bringUp(engine, id))
      this.#shelves.get(engine)?.ready.push(id)
    } catch (error) {
      this.#o.log.warn({ databaseId: id, err: error }, 'a slot of the warm pool is given up')
      this.#leaving.add(id)
    }
  }

  async #takeElsewhere(engine: EngineName): Promise<DatabaseId | undefined> {
    const slots = await this.#o.store.slots.all()
    return slots.find((slot) => slot.engine === engine && slot.state === 'ready')?.id
  }

  /** Unless it has been claimed. What fails is tried again at the next look, or by the next leader. */
  async #retire(id: DatabaseId): Promise<void> {
    const { store, runtime, links, log } = this.#o
    try {
      const isOurs =
        (await store.slots.move(id, 'ready', 'retiring')) ||
        (await store.slots.move(id, 'making', 'retiring')) ||
        (await store.slots.move(id, 'retiring', 'retiring'))
      if (isOurs) {
        links.drop(id)
        await runtime.remove(id)
        await runtime.removeData(id)
        await store.slots.delete(id)
      }
      this.#leaving.delete(id)
      this.#known.delete(id)
    } catch (error) {
      log.warn({ databaseId: id, err: error }, 'a slot of the warm pool is not removed yet')
    }
  }
}
