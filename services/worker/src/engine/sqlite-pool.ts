import { WorkerFailure } from '@db-forge/worker-kit'
import type { SlabPool } from '../json-text.ts'
import { Connection } from './sqlite-connection.ts'
import type { OpenOptions } from './sqlite-open.ts'

/** Kept open while nobody uses them. */
const IDLE_MAX = 2

/** Connections that read, for what holds a snapshot longer than a query does. */
export class ConnectionPool {
  readonly #options: OpenOptions
  readonly #slabs: SlabPool
  readonly #most: number
  readonly #idle: Connection[] = []
  readonly #used = new Set<Connection>()

  constructor(options: Omit<OpenOptions, 'role'>, slabs: SlabPool, most: number) {
    this.#options = { ...options, role: 'pooled' }
    this.#slabs = slabs
    this.#most = most
  }

  /** @throws WorkerFailure `database.busy` if all are in use. */
  take(purpose: string): Connection {
    if (this.#used.size >= this.#most)
      throw new WorkerFailure('database.busy', `${this.#most} ${purpose} are open already`)
    const connection = this.#idle.pop() ?? new Connection(this.#options, this.#slabs)
    this.#used.add(connection)
    return connection
  }

  give(connection: Connection): void {
    this.#used.delete(connection)
    if (this.#idle.length < IDLE_MAX) {
      connection.rest()
      this.#idle.push(connection)
    } else connection.close()
  }

  close(): void {
    for (const connection of [...this.#used, ...this.#idle]) connection.close()
    this.#used.clear()
    this.#idle.length = 0
  }
}
