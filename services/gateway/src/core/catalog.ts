import type { Connection, Database, DatabaseId, EngineName, RuntimeKind } from '@db-forge/contract'
import type { EventBus, PlatformEvent } from '../events/event-bus.ts'
import type { EventReference } from '../events/event-reference.ts'
import {
  type DatabaseDraft,
  type DatabasePatchRow,
  type DatabaseRow,
  keyOf,
  type MetadataStore,
} from '../store/metadata-store.ts'

/**
 * The databases as the store has them, also held in memory so that a query need not ask the store. All writes
 * go through here: store first, then memory, then the event. Where other gateways write to the same store, memory
 * follows their events, and asks the store where it might be behind them.
 */
export class Catalog {
  /** Other gateways use the store too. */
  readonly isShared: boolean
  readonly #store: MetadataStore
  readonly #events: EventBus
  readonly #runtime: RuntimeKind
  readonly #connectionOf: (name: string, engine: EngineName) => Connection | null
  readonly #byId = new Map<DatabaseId, DatabaseRow>()
  readonly #idByName = new Map<string, DatabaseId>()
  /** Deleted while the store was asked something: its answer may be older, and must not bring them back. */
  readonly #gone = new Set<DatabaseId>()
  #asking = 0

  /** @param connectionOf where clients of an engine's own protocol find a database; null where none can */
  constructor(
    store: MetadataStore,
    events: EventBus,
    runtime: RuntimeKind,
    connectionOf: (name: string, engine: EngineName) => Connection | null,
    { isShared }: { readonly isShared: boolean } = { isShared: false },
  ) {
    this.isShared = isShared
    this.#store = store
    this.#events = events
    this.#runtime = runtime
    this.#connectionOf = connectionOf
  }

  /** Reads everything from the store; what has changed there is delivered as events. */
  async reload(): Promise<void> {
    const found = await this.#ask(async ({ databases }) => {
      const rows = await databases.all()
      for (const row of rows) this.#deliver(this.#learn(row))
      return new Set(rows.map(({ id }) => id))
    })
    // What is missing was deleted, or inserted after the rows were read.
    for (const id of this.#byId.keys()) if (!found.has(id)) await this.refresh(id)
  }

  get(id: DatabaseId): DatabaseRow | undefined {
    return this.#byId.get(id)
  }

  /** As the store has it now, which other gateways may have changed. */
  refresh(id: DatabaseId): Promise<DatabaseRow | undefined> {
    return this.#ask(async ({ databases }) => {
      const row = await databases.find(id)
      this.#deliver(row ? this.#learn(row) : this.#forget(id))
      return this.#byId.get(id)
    })
  }

  /** Without regard to case. */
  findByName(name: string): DatabaseRow | undefined {
    const id = this.#idByName.get(keyOf(name))
    return id === undefined ? undefined : this.#byId.get(id)
  }

  /** As `findByName`; asks the store about what it does not know, such as what was made a moment ago. */
  async lookup(name: string): Promise<DatabaseRow | undefined> {
    const known = this.findByName(name)
    if (known) return known
    await this.#ask(async ({ databases }) => {
      const row = await databases.findByName(name)
      if (row) this.#deliver(this.#learn(row))
    })
    return this.findByName(name)
  }

  /** Deleted databases of this name whose data are still there, the one deleted last in front. */
  tombstones(name: string): DatabaseRow[] {
    const key = keyOf(name)
    return this.all()
      .filter((row) => row.deletedAt !== null && keyOf(row.name) === key)
      .sort((a, b) => ((a.deletedAt ?? '') < (b.deletedAt ?? '') ? 1 : -1))
  }

  all(): DatabaseRow[] {
    return [...this.#byId.values()]
  }

  /** @throws NameTakenError */
  insert(draft: DatabaseDraft): Promise<DatabaseRow> {
    return this.#ask(async ({ databases }) => this.#changed(await databases.insert(draft)))
  }

  /** In place of a ready slot; undefined when there is no such slot any more. @throws NameTakenError */
  claim(draft: DatabaseDraft): Promise<DatabaseRow | undefined> {
    return this.#ask(async ({ databases }) => {
      const row = await databases.claim(draft)
      if (!row) return undefined
      this.#events.publish({ type: 'slots.changed' })
      return this.#changed(row)
    })
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
    let row = this.#byId.get(id)
    // That nothing is to be done is believed only of a row that no other gateway has changed meanwhile.
    for (let isFresh = !this.isShared; ; isFresh = true) {
      if (row && condition(row) && !isNoChange(row, patch)) {
        const updated = await this.#write(id, row.revision, patch)
        if (updated) return updated
      } else if (isFresh) return row && condition(row) ? row : undefined
      row = await this.refresh(id)
    }
  }

  async delete(id: DatabaseId): Promise<void> {
    await this.#ask(({ databases }) => databases.delete(id))
    const event = this.#forget(id)
    if (event) this.#events.publish(event)
  }

  /**
   * Takes in what another gateway has done. The event that it comes to here; null for what is known already, or is not
   * about databases.
   */
  async follow(reference: EventReference): Promise<PlatformEvent | null> {
    switch (reference.type) {
      case 'database.changed': {
        const known = this.#byId.get(reference.id)
        if (known && known.revision >= reference.revision) return null
        return this.#ask(async ({ databases }) => {
          const row = await databases.find(reference.id)
          return row ? this.#learn(row) : this.#forget(reference.id)
        })
      }
      case 'database.deleted':
        return this.#forget(reference.id)
      case 'job.changed':
        return null
      case 'database.used':
      case 'credential.revoked':
      case 'slots.changed':
      case 'gap':
        return reference
    }
  }

  /** As the API shows it. */
  present(row: DatabaseRow): Database {
    const { origin: _origin, ...shown } = row
    return {
      ...shown,
      runtime: this.#runtime,
      connection: this.#connectionOf(row.name, row.engine),
    }
  }

  #write(id: DatabaseId, revision: number, patch: DatabasePatchRow): Promise<DatabaseRow | null> {
    return this.#ask(async ({ databases }) => {
      const updated = await databases.update(id, revision, patch)
      return updated && this.#changed(updated)
    })
  }

  async #ask<T>(question: (store: MetadataStore) => Promise<T>): Promise<T> {
    this.#asking += 1
    try {
      return await question(this.#store)
    } finally {
      this.#asking -= 1
      if (this.#asking === 0) this.#gone.clear()
    }
  }

  #changed(row: DatabaseRow): DatabaseRow {
    const event = this.#learn(row)
    if (event) this.#events.publish(event)
    return row
  }

  #deliver(event: PlatformEvent | null): void {
    if (event) this.#events.deliver(event)
  }

  /** Null for what is not news: another answer of the store was faster. */
  #learn(row: DatabaseRow): PlatformEvent | null {
    const known = this.#byId.get(row.id)
    if (this.#gone.has(row.id) || (known && known.revision >= row.revision)) return null
    if (known) this.#unname(known)
    this.#byId.set(row.id, row)
    if (row.deletedAt === null) this.#idByName.set(keyOf(row.name), row.id)
    return { type: 'database.changed', database: this.present(row) }
  }

  #forget(id: DatabaseId): PlatformEvent | null {
    if (this.#asking > 0) this.#gone.add(id)
    const row = this.#byId.get(id)
    if (!row) return null
    this.#unname(row)
    this.#byId.delete(id)
    return { type: 'database.deleted', id, name: row.name }
  }

  /** The name may be another's by now. */
  #unname(row: DatabaseRow): void {
    if (this.#idByName.get(keyOf(row.name)) === row.id) this.#idByName.delete(keyOf(row.name))
  }
}

function isNoChange(row: DatabaseRow, patch: DatabasePatchRow): boolean {
  return Object.entries(patch).every(
    ([key, value]) => JSON.stringify(row[key as keyof DatabaseRow]) === JSON.stringify(value),
  )
}
