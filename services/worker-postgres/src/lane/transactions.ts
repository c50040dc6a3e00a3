import type { BeginCommand, QueryCommand } from '@db-forge/contract/wire'
import { type Connection, type Payload, WorkerFailure } from '@db-forge/worker-kit'
import type { Engine } from '../engine/engine.ts'
import type { Interrupt } from '../engine/interrupt.ts'
import type { Watchdog } from '../engine/watchdog.ts'
import { OWNER, READER } from '../server/roles.ts'
import { Transaction } from './transaction.ts'

/** How long it is known why a transaction has ended. */
const REMEMBERED_MS = 60_000

interface Entry {
  readonly connection: Connection
  readonly transaction: Transaction
}

interface Ended {
  readonly connection: Connection
  readonly reason: string
}

/** The open transactions of a worker, each valid on the connection that began it. */
export class Transactions {
  readonly #engine: Engine
  readonly #watchdog: Watchdog
  readonly #max: number
  readonly #open = new Map<number, Entry>()
  readonly #ended = new Map<number, Ended>()
  #beginning = 0
  #last = 0

  constructor(engine: Engine, watchdog: Watchdog, max: number) {
    this.#engine = engine
    this.#watchdog = watchdog
    this.#max = max
  }

  /** JSON text of Begun. */
  async begin(
    command: BeginCommand,
    connection: Connection,
    interrupt: Interrupt,
  ): Promise<string> {
    if (this.#open.size + this.#beginning >= this.#max)
      throw new WorkerFailure('database.busy', `${this.#max} transactions are open already`)
    this.#beginning += 1
    try {
      const role = command.mode === 'read' ? READER : OWNER
      const session = await this.#engine.sessions.acquire(role, interrupt)
      this.#last += 1
      const number = this.#last
      const transaction = await Transaction.begin(this.#engine, session, command, interrupt, {
        interrupt: (running) => this.#watchdog.trip(running, 'query.timeout'),
        ended: (reason) => this.#forget(number, connection, reason),
      })
      this.#open.set(number, { connection, transaction })
      if (connection.closed) transaction.rollbackSoon('rolled back: its connection was closed')
      return JSON.stringify({ transaction: number })
    } finally {
      this.#beginning -= 1
    }
  }

  query(command: QueryCommand, connection: Connection, interrupt: Interrupt): Promise<Payload> {
    return this.#find(command.transaction ?? 0, connection).query(command, interrupt)
  }

  commit(number: number, connection: Connection): Promise<void> {
    return this.#find(number, connection).commit()
  }

  rollback(number: number, connection: Connection): Promise<void> {
    return this.#find(number, connection).rollback()
  }

  closed(connection: Connection): void {
    for (const { connection: owner, transaction } of [...this.#open.values()])
      if (owner === connection) transaction.rollbackSoon('rolled back: its connection was closed')
  }

  close(): void {
    for (const { transaction } of [...this.#open.values()])
      transaction.rollbackSoon('rolled back: the database is being stopped')
  }

  #find(number: number, connection: Connection): Transaction {
    const entry = this.#open.get(number)
    if (entry?.connection === connection) return entry.transaction
    const ended = this.#ended.get(number)
    if (ended?.connection === connection) throw new WorkerFailure('transaction.ended', ended.reason)
    throw new WorkerFailure('transaction.not_found', 'there is no such transaction')
  }

  #forget(number: number, connection: Connection, reason: string): void {
    this.#open.delete(number)
    this.#ended.set(number, { connection, reason })
    setTimeout(() => this.#ended.delete(number), REMEMBERED_MS).unref()
  }
}
