import type { QueryCommand } from '@db-forge/contract/wire'
import { type Payload, WorkerFailure } from '@db-forge/worker-kit'
import type { EngineTransaction } from './engine.ts'
import type { Connection } from './sqlite-connection.ts'
import { toFailure } from './sqlite-errors.ts'

/** A transaction that lasts from request to request. SQLite undoes a statement that fails by itself. */
export class SqliteTransaction implements EngineTransaction {
  readonly #connection: Connection
  readonly #reads: boolean
  readonly #giveBack: () => void
  #ended = false

  /** @throws WorkerFailure */
  constructor(connection: Connection, mode: 'write' | 'read', giveBack: () => void) {
    this.#connection = connection
    this.#reads = mode === 'read'
    this.#giveBack = giveBack
    try {
      connection.say(this.#reads ? 'begin' : 'beginImmediate')
      // SQLite takes the snapshot at the first read.
      connection.say('look')
    } catch (error) {
      this.#end()
      throw toFailure(error, '')
    }
  }

  get connection(): number {
    return this.#connection.connection
  }

  begin(request: number): void {
    this.#connection.begin(request)
  }

  end(): void {
    if (!this.#ended) this.#connection.end()
  }

  get open(): boolean {
    return !this.#ended && this.#connection.guard.inTransaction
  }

  query(command: QueryCommand): Payload {
    this.#expectOpen()
    return this.#connection.answer(command, this.#reads ? { ...command, readOnly: true } : command)
  }

  commit(): void {
    this.#expectOpen()
    try {
      this.#connection.say('commit')
    } catch (error) {
      throw toFailure(error, '')
    } finally {
      if (!this.open) this.#end()
    }
  }

  rollback(): void {
    this.#end()
  }

  #expectOpen(): void {
    if (!this.open)
      throw new WorkerFailure('transaction.ended', 'the transaction has been rolled back')
  }

  #end(): void {
    if (this.#ended) return
    this.#connection.end()
    this.#ended = true
    this.#connection.settle()
    this.#giveBack()
  }
}
