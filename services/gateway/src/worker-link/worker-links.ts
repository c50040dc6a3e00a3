import { join } from 'node:path'
import type { DatabaseId } from '@db-forge/contract'
import { SOCKETS, type Welcome } from '@db-forge/contract/wire'
import { WorkerConnection } from './worker-connection.ts'

export interface WorkerLinksOptions {
  readonly runDirOf: (id: DatabaseId) => string
  /** A worker that had been connected is no longer. */
  readonly onDown: (id: DatabaseId) => void
  readonly connectTimeoutMs?: number
}

/** One connection for each worker's SQL socket, opened at the first request and kept. */
export class WorkerLinks {
  readonly #options: Required<WorkerLinksOptions>
  readonly #open = new Map<DatabaseId, WorkerConnection>()
  readonly #opening = new Map<DatabaseId, Promise<WorkerConnection>>()
  #closed = false

  constructor(options: WorkerLinksOptions) {
    this.#options = { connectTimeoutMs: 2000, ...options }
  }

  /** The connection that is open now; undefined if `connect` must be called. */
  current(id: DatabaseId): WorkerConnection | undefined {
    return this.#open.get(id)
  }

  /** @throws LinkDownError */
  connect(id: DatabaseId): Promise<WorkerConnection> {
    const open = this.#open.get(id)
    if (open) return Promise.resolve(open)
    const opening = this.#opening.get(id) ?? this.#connect(id)
    this.#opening.set(id, opening)
    return opening
  }

  /** Asks over the control socket, which answers while SQL runs. */
  async control<T>(id: DatabaseId, use: (connection: WorkerConnection) => Promise<T>): Promise<T> {
    const connection = await WorkerConnection.connect({
      path: join(this.#options.runDirOf(id), SOCKETS.control),
      databaseId: id,
      timeoutMs: this.#options.connectTimeoutMs,
    })
    try {
      return await use(connection)
    } finally {
      connection.close()
    }
  }

  /** Forgets the connection, without telling `onDown`: the caller knows why it ends. */
  drop(id: DatabaseId): void {
    const connection = this.#open.get(id)
    this.#open.delete(id)
    connection?.close()
  }

  welcomeOf(id: DatabaseId): Welcome | undefined {
    return this.#open.get(id)?.welcome
  }

  close(): void {
    this.#closed = true
    for (const id of [...this.#open.keys()]) this.drop(id)
  }

  async #connect(id: DatabaseId): Promise<WorkerConnection> {
    try {
      const connection = await WorkerConnection.connect({
        path: join(this.#options.runDirOf(id), SOCKETS.sql),
        databaseId: id,
        timeoutMs: this.#options.connectTimeoutMs,
        onClose: (closed) => this.#onClose(id, closed),
      })
      if (connection.closed || this.#closed) connection.close()
      else this.#open.set(id, connection)
      return connection
    } finally {
      this.#opening.delete(id)
    }
  }

  #onClose(id: DatabaseId, closed: WorkerConnection): void {
    if (this.#open.get(id) !== closed) return
    this.#open.delete(id)
    if (!this.#closed) this.#options.onDown(id)
  }
}
