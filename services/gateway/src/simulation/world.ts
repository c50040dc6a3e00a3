import type { DatabaseId } from '@db-forge/contract'
import type { EventReference } from '../events/event-reference.ts'
import type { DockerEvent } from '../runtime/docker-api.ts'
import { LABEL, type LiveBounds, type WorkerContainer } from '../runtime/docker-spec.ts'
import { KyselyStore } from '../store/kysely-store.ts'
import type { MetadataStore } from '../store/metadata-store.ts'
import { sqliteDialect } from '../store/sqlite-dialect.ts'
import type { Scheduler } from './scheduler.ts'

export interface SimContainer {
  readonly name: string
  readonly containerId: string
  readonly body: WorkerContainer
  bounds: LiveBounds
  running: boolean
  startedAt: Date
}

/** What a database has been told and has acknowledged. */
interface SimFolder {
  readonly writes: Set<number>
}

/** What outlives every gateway: Docker, the data folder, and the store. */
export class World {
  readonly scheduler: Scheduler
  readonly store: MetadataStore
  readonly containers = new Map<string, SimContainer>()
  readonly folders = new Map<string, SimFolder>()
  readonly gateways = new Set<{ hear(reference: EventReference): Promise<void> }>()
  readonly listeners = new Set<(event: DockerEvent) => void>()
  /** What was found to be wrong at the moment when it happened. */
  readonly faults: string[] = []
  /** Databases whose data went because their time was over. */
  readonly expired = new Set<DatabaseId>()
  /** Docker does not answer. */
  isDockerAway = false
  /** Workers end as they start. */
  breaksStarts = false
  #made = 0

  constructor(scheduler: Scheduler) {
    this.scheduler = scheduler
    this.store = new KyselyStore(sqliteDialect(':memory:'), () => scheduler.date())
  }

  create(body: WorkerContainer): boolean {
    if (this.containers.has(body.name)) return false
    const containerId = `c${++this.#made}`
    const startedAt = this.scheduler.date()
    const { NanoCpus, PidsLimit } = body.HostConfig
    this.containers.set(body.name, {
      name: body.name,
      containerId,
      body,
      bounds: { NanoCpus, PidsLimit },
      running: false,
      startedAt,
    })
    return true
  }

  find(nameOrId: string): SimContainer | undefined {
    const byName = this.containers.get(nameOrId)
    if (byName) return byName
    return [...this.containers.values()].find(({ containerId }) => containerId === nameOrId)
  }

  start(name: string): void {
    const container = this.find(name)
    if (!container || container.running) return
    container.running = true
    container.startedAt = this.scheduler.date()
    this.#tell('start', container)
    if (this.breaksStarts) this.end(name)
  }

  /** However it came to its end. */
  end(name: string): void {
    const container = this.find(name)
    if (!container?.running) return
    container.running = false
    this.#tell('die', container)
  }

  remove(name: string): void {
    const container = this.find(name)
    if (!container) return
    this.end(name)
    this.containers.delete(container.name)
    this.#tell('destroy', container)
  }

  workerOf(id: DatabaseId): SimContainer | undefined {
    for (const container of this.containers.values())
      if (container.body.Labels[LABEL.databaseId] === id) return container
    return undefined
  }

  /** Data go only when nothing says any more that somebody may want them. */
  async removeFolder(id: DatabaseId): Promise<void> {
    const row = await this.store.databases.find(id)
    if (row && row.desired !== 'purged')
      this.faults.push(`the data of ${row.name} (${id}), which is ${row.desired}, were removed`)
    if (row?.purgeAt && row.purgeAt <= this.scheduler.date().toISOString()) this.expired.add(id)
    const slot = (await this.store.slots.all()).find((one) => one.id === id)
    if (slot && slot.state !== 'retiring')
      this.faults.push(`the data of the slot ${id}, which is ${slot.state}, were removed`)
    if (this.workerOf(id)) this.faults.push(`the data of ${id} were removed under its worker`)
    this.folders.delete(id)
  }

  #tell(action: string, { body }: SimContainer): void {
    const seconds = (this.scheduler.date().getTime() / 1000 + 1e-6 * this.scheduler.steps).toFixed(
      9,
    )
    for (const listener of this.listeners) listener({ action, labels: body.Labels, time: seconds })
  }
}
