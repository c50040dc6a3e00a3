import { AppError } from '../core/app-error.ts'
import { LinkDownError } from '../worker-link/link-errors.ts'
import { faultsOf, type Ledger } from './invariants.ts'
import { Scheduler } from './scheduler.ts'
import { SimGateway, type SimSettings } from './sim-gateway.ts'
import { World } from './world.ts'

/** Long enough for a retry with the longest pause, and for three resyncs. */
const SETTLE_MS = 200_000

export const OPERATIONS = [
  'spawn',
  'spawn with other limits',
  'write',
  'stop',
  'start',
  'prune',
  'restart',
  'sleep',
  'resize',
  'delete',
  'purge',
  'undelete',
] as const
export type Operation = (typeof OPERATIONS)[number]

export type Outcome =
  | { readonly end: 'ok' }
  | { readonly end: 'refused'; readonly code: string }
  /** The gateway died: nobody knows. */
  | { readonly end: 'unknown' }

/** One run of the control plane in a world of its own, the same for the same seed. */
export class Scenario {
  readonly scheduler: Scheduler
  readonly world: World
  readonly ledger: Ledger = { acknowledged: new Map(), mayBeGone: new Set() }
  readonly settings: SimSettings
  readonly gateways: SimGateway[] = []
  #value = 0

  constructor(seed: number, settings: Partial<SimSettings> = {}) {
    this.scheduler = new Scheduler(seed)
    this.world = new World(this.scheduler)
    this.settings = {
      pool: 1,
      sleepAfterMs: 60_000,
      runningMax: 100,
      deletedKeptMs: 600_000,
      gateways: 1,
      ...settings,
    }
  }

  async open(): Promise<void> {
    await this.world.store.migrate()
    await this.scheduler.until(this.replaceDead())
  }

  async close(): Promise<void> {
    for (const gateway of this.gateways) gateway.kill()
    await this.world.store.close()
  }

  get living(): SimGateway[] {
    return this.gateways.filter(({ isDead }) => !isDead)
  }

  /** After a crash another one takes its place. */
  async replaceDead(): Promise<void> {
    const living = this.living
    this.gateways.length = 0
    this.gateways.push(...living)
    while (this.gateways.length < this.settings.gateways)
      this.gateways.push(await SimGateway.start(this.world, this.settings))
  }

  /** Runs an operation to its end, or to that of its gateway. */
  async run(operation: Operation, name: string): Promise<Outcome> {
    return this.scheduler.until(this.perform(operation, name))
  }

  async perform(operation: Operation, name: string): Promise<Outcome> {
    if (this.living.length === 0) return { end: 'unknown' }
    const gateway = this.scheduler.pick(this.living)
    const ended = gateway.died.then(() => ({ end: 'unknown' }) as const)
    const done = this.#act(gateway, operation, name).then(
      () => ({ end: 'ok' }) as const,
      (error: unknown) => this.#refused(operation, error),
    )
    return Promise.race([done, ended])
  }

  /** Lets faults end and time pass. @returns what does not hold then */
  async settle(): Promise<string[]> {
    this.world.isDockerAway = false
    this.world.breaksStarts = false
    for (const gateway of this.living) gateway.crashIn = 0
    await this.scheduler.until(this.replaceDead())
    await this.scheduler.pass(SETTLE_MS)
    return faultsOf(this.world, this.ledger, this.settings)
  }

  async #act(gateway: SimGateway, operation: Operation, name: string): Promise<void> {
    const { databases } = gateway
    switch (operation) {
      case 'spawn':
        return void (await gateway.spawning.spawn(name, {}))
      case 'spawn with other limits':
        return void (await gateway.spawning.spawn(name, { memoryMb: 96 }))
      case 'write':
        return this.#write(gateway, name)
      case 'stop':
      case 'start':
      case 'prune':
      case 'sleep':
        return void (await databases[operation](name))
      case 'resize':
        return void (await databases.patch(name, { memoryMb: this.scheduler.pick([96, 160, 192]) }))
      case 'delete':
        return databases.delete(name)
      case 'purge':
        await this.#markAsPurged(name)
        return gateway.purge(name)
      case 'restart':
        return gateway.restart(name)
      case 'undelete':
        return void (await databases.undelete(name, {}))
    }
  }

  async #write(gateway: SimGateway, name: string): Promise<void> {
    const value = ++this.#value
    const id = await gateway.write(name, value)
    const known = this.ledger.acknowledged.get(id) ?? new Set()
    this.ledger.acknowledged.set(id, known.add(value))
  }

  async #markAsPurged(name: string): Promise<void> {
    for (const row of await this.world.store.databases.all())
      if (row.name === name) this.ledger.mayBeGone.add(row.id)
  }

  #refused(operation: Operation, error: unknown): Outcome {
    if (error instanceof AppError) return { end: 'refused', code: error.code }
    if (error instanceof LinkDownError) return { end: 'refused', code: 'worker.restarted' }
    this.world.faults.push(`${operation}: ${(error as Error).stack}`)
    return { end: 'refused', code: 'server.internal' }
  }
}
