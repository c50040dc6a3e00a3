import type { Connection, Database, DatabaseId, RuntimeKind } from '@db-forge/contract'
import type { EventBus } from '../events/event-bus.ts'
import type { DatabasePatchRow, DatabaseRow, MetadataStore } from '../store/metadata-store.ts'

/**
 * The databases as the store has them, also held in memory so that a query need not ask the store. All writes
 * go through here: store first, then memory, then the event.
 */
export class Catalog {
  readonly #store: MetadataStore
  readonly #events: EventBus
  readonly #runtime: RuntimeKind
  readonly #connectionOf: (row: DatabaseRow) => Connection | null
  readonly #byId = new Map<DatabaseId, DatabaseRow>()
  readonly #idByName = new Map<string, DatabaseId>()

  /** @param connectionOf where clients of an engine's own protocol find a database; null where none can */
  constructor(
    store: MetadataStore,
    events: EventBus,
    runtime: RuntimeKind,
    connectionOf: (row: DatabaseRow) => Connection | null,
  ) {
    this.#store = store
    this.#events = events
    this.#runtime = runtime
    this.#connectionOf = connectionOf
  }

  async load(): Promise<void> {
    for (const row of await this.#store.databases.all()) this.#remember(row)
  }

  get(id: DatabaseId): DatabaseRow | undefined {
    return this.#byId.get(id)
  }

  /** Without regard to case. Also finds a database that is being deleted. */
  findByName(name: string): DatabaseRow | undefined {
    const id = this.#idByName.get(name.toLowerCase())
    return id === undefined ? undefined : this.#byId.get(id)
  }

  all(): DatabaseRow[] {
    return [...this.#byId.values()]
  }

  /** @throws NameTakenError */
  async insert(row: Parameters<MetadataStore['databases']['insert']>[0]): Promise<DatabaseRow> {
    return this.#changed(await this.#store.databases.insert(row))
  }

  /** Undefined when the database is gone. Retries when another writer was faster. */
  async update(id: DatabaseId, patch: DatabasePatchRow): Promise<DatabaseRow | undefined> {
    let row: DatabaseRow | null | undefined = this.#byId.get(id)
    while (row) {
      if (isNoChange(row, patch)) return row
      const updated = await this.#store.databases.update(id, row.revision, patch)
      if (updated) return this.#changed(updated)
      row = await this.#store.databases.find(id)
    }
    return undefined
  }

  async delete(id: DatabaseId): Promise<void> {
    const row = this.#byId.get(id)
    await this.#store.databases.delete(id)
    if (!row) return
    this.#byId.delete(id)
    this.#idByName.delete(row.name.toLowerCase())
    this.#events.publish({ type: 'database.deleted', id, name: row.name })
  }

  /** As the API shows it. */
  present(row: DatabaseRow): Database {
    return { ...row, runtime: this.#runtime, connection: this.#connectionOf(row) }
  }

  #changed(row: DatabaseRow): DatabaseRow {
    this.#remember(row)
    this.#events.publish({ type: 'database.changed', database: this.present(row) })
    return row
  }

  #remember(row: DatabaseRow): void {
    this.#byId.set(row.id, row)
    this.#idByName.set(row.name.toLowerCase(), row.id)
  }
}

function isNoChange(row: DatabaseRow, patch: DatabasePatchRow): boolean {
  return Object.entries(patch).every(
    ([key, value]) => JSON.stringify(row[key as keyof DatabaseRow]) === JSON.stringify(value),
  )
}
