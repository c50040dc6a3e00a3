import type { Connection, Database, DatabaseId, EngineName, RuntimeKind } from '@db-forge/contract'
import type { EventBus } from '../events/event-bus.ts'
import type {
  DatabaseDraft,
  DatabasePatchRow,
  DatabaseRow,
  MetadataStore,
} from '../store/metadata-store.ts'

/**
 * The databases as the store has them, also held in memory so that a query need not ask the store. All writes
 * go through here: store first, then memory, then the event.
 */
export class Catalog {
  readonly #store: MetadataStore
  readonly #events: EventBus
  readonly #runtime: RuntimeKind
  readonly #connectionOf: (name: string, engine: EngineName) => Connection | null
  readonly #byId = new Map<DatabaseId, DatabaseRow>()
  readonly #idByName = new Map<string, DatabaseId>()

  /** @param connectionOf where clients of an engine's own protocol find a database; null where none can */
  constructor(
    store: MetadataStore,
    events: EventBus,
    runtime: RuntimeKind,
    connectionOf: (name: string, engine: EngineName) => Connection | null,
  ) {
    this.#store = store
    this.#events = events
    this.#runtime = runtime
    this.#connectionOf = connectionOf
  }

  /** All of it anew from the store, which other gateways may have changed. */
  async reload(): Promise<void> {
    const before = new Set(this.#byId.keys())
    for (const row of await this.#store.databases.all()) {
      before.delete(row.id)
      this.#remember(row)
    }
    for (const id of before) await this.refresh(id)
  }

  get(id: DatabaseId): DatabaseRow | undefined {
    return this.#byId.get(id)
  }

  /** As the store has it now, which other gateways may have changed. */
  async refresh(id: DatabaseId): Promise<DatabaseRow | undefined> {
    const row = await this.#store.databases.find(id)
    if (row) this.#remember(row)
    else this.#forget(id)
    return row ?? undefined
  }

  /** The database of this name, which another gateway may have made a moment ago. */
  async lookup(name: string): Promise<DatabaseRow | undefined> {
    const known = this.findByName(name)
    if (known) return known
    const row = await this.#store.databases.findByName(name)
    if (row) this.#remember(row)
    return row ?? undefined
  }

  /** Deleted databases of this name whose data are still there, the one deleted last in front. */
  tombstones(name: string): DatabaseRow[] {
    const key = name.toLowerCase()
    return this.all()
      .filter((row) => row.deletedAt !== null && row.name.toLowerCase() === key)
      .sort((a, b) => ((a.deletedAt ?? '') < (b.deletedAt ?? '') ? 1 : -1))
  }

  /** Without regard to case. */
  findByName(name: string): DatabaseRow | undefined {
    const id = this.#idByName.get(name.toLowerCase())
    return id === undefined ? undefined : this.#byId.get(id)
  }

  all(): DatabaseRow[] {
    return [...this.#byId.values()]
  }

  /** @throws NameTakenError */
  async insert(row: DatabaseDraft): Promise<DatabaseRow> {
    return this.#changed(await this.#store.databases.insert(row))
  }

  /** In place of a ready slot; undefined when there is no such slot any more. @throws NameTakenError */
  async claim(row: DatabaseDraft): Promise<DatabaseRow | undefined> {
    const claimed = await this.#store.databases.claim(row)
    return claimed ? this.#changed(claimed) : undefined
  }

  /**
   * Undefined when the database is gone. Retries when another writer was faster.
   * @throws NameTakenError for a `name` that is taken
   */
  update(id: DatabaseId, patch: DatabasePatchRow): Promise<DatabaseRow | undefined> {
    return this.updateIf(id, () => true, patch)
  }

  /** Undefined, too, when the row is not, or no longer, as the condition wants it. */
  async updateIf(
    id: DatabaseId,
    condition: (row: DatabaseRow) => boolean,
    patch: DatabasePatchRow,
  ): Promise<DatabaseRow | undefined> {
    let row: DatabaseRow | null | undefined = this.#byId.get(id)
    while (row && condition(row)) {
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
    this.#forget(id)
    this.#events.publish({ type: 'database.deleted', id, name: row.name })
  }

  /** As the API shows it. */
  present({ origin: _, ...row }: DatabaseRow): Database {
    return { ...row, runtime: this.#runtime, connection: this.#connectionOf(row.name, row.engine) }
  }

  #changed(row: DatabaseRow): DatabaseRow {
    this.#remember(row)
    this.#events.publish({ type: 'database.changed', database: this.present(row) })
    return row
  }

  /** The index by name holds no tombstones: their names are free. */
  #remember(row: DatabaseRow): void {
    const before = this.#byId.get(row.id)
    if (before && before.revision > row.revision) return
    if (before && before.name !== row.name) this.#unname(before)
    this.#byId.set(row.id, row)
    if (row.deletedAt === null) this.#idByName.set(row.name.toLowerCase(), row.id)
    else this.#unname(row)
  }

  #forget(id: DatabaseId): void {
    const row = this.#byId.get(id)
    if (!row) return
    this.#byId.delete(id)
    this.#unname(row)
  }

  #unname({ id, name }: DatabaseRow): void {
    const key = name.toLowerCase()
    if (this.#idByName.get(key) === id) this.#idByName.delete(key)
  }
}

function isNoChange(row: DatabaseRow, patch: DatabasePatchRow): boolean {
  return Object.entries(patch).every(
    ([key, value]) => JSON.stringify(row[key as keyof DatabaseRow]) === JSON.stringify(value),
  )
}
