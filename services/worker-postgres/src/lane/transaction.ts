import type { BeginCommand, QueryCommand } from '@db-forge/contract/wire'
import { type Payload, WorkerFailure } from '@db-forge/worker-kit'
import { nowMs } from '../clock.ts'
import { ANSWER_BYTES_MAX, Answer, payloadOf } from '../engine/answer.ts'
import { type Engine, elapsed, failureOf } from '../engine/engine.ts'
import { isSavepointCommand, rowsToAsk } from '../engine/first-word.ts'
import type { Interrupt } from '../engine/interrupt.ts'
import type { Session } from '../engine/sessions.ts'

const BEGIN = {
  write: 'begin',
  // The first read takes the snapshot.
  read: 'begin isolation level repeatable read read only; select 1',
} as const
const SAVEPOINT = 'savepoint "dbforge statement"'
const RELEASE = 'release savepoint "dbforge statement"'
const UNDO = `rollback to savepoint "dbforge statement"; ${RELEASE}`

export interface TransactionHooks {
  /** Ends what runs in it. */
  interrupt(running: Interrupt): void
  ended(reason: string): void
}

const endedFailure = (reason: string) => new WorkerFailure('transaction.ended', reason)

/** An interactive transaction on a session of its own. What is asked of it is done in order. */
export class Transaction {
  readonly #engine: Engine
  readonly #session: Session
  readonly #own: Interrupt
  readonly #idleMs: number
  readonly #hooks: TransactionHooks
  readonly #limit: NodeJS.Timeout
  #idle: NodeJS.Timeout | undefined
  #turn: Promise<unknown> = Promise.resolve()
  #ended: string | null = null
  /** What runs in it at this moment. */
  #running: Interrupt | null = null

  private constructor(
    engine: Engine,
    session: Session,
    own: Interrupt,
    idleMs: number,
    hooks: TransactionHooks,
  ) {
    this.#engine = engine
    this.#session = session
    this.#own = own
    this.#idleMs = idleMs
    this.#hooks = hooks
    this.#limit = setTimeout(
      () => this.rollbackSoon('rolled back at its time limit'),
      own.deadline - nowMs(),
    )
    session.backend.onClose = () => this.#end('the database ended its connection')
    this.#rest()
  }

  /** Takes a session over, and gives it back if it cannot begin. */
  static async begin(
    engine: Engine,
    session: Session,
    { mode, idleMs }: BeginCommand,
    own: Interrupt,
    hooks: TransactionHooks,
  ): Promise<Transaction> {
    own.pid = session.backend.pid
    try {
      await session.backend.command(BEGIN[mode])
      own.throwIfTripped()
      return new Transaction(engine, session, own, idleMs, hooks)
    } catch (error) {
      void session.backend.command('rollback').catch(() => undefined)
      engine.giveBack(session, own)
      throw failureOf(error, '', own)
    } finally {
      own.pid = 0
    }
  }

  query(command: QueryCommand, interrupt: Interrupt): Promise<Payload> {
    return this.#inTurn(async () => {
      interrupt.throwIfTripped()
      const word = this.#engine.check(command.sql, true)
      const { maxRows: rowsMax, rowFormat } = command
      const answer = new Answer({ rowsMax, rowFormat, bytesMax: ANSWER_BYTES_MAX })
      const startedAt = nowMs()
      this.#running = interrupt
      const { backend } = this.#session
      const saved = backend.command(SAVEPOINT)
      saved.catch(() => undefined)
      try {
        const done = await this.#engine.run(
          this.#session,
          command,
          rowsToAsk(command.sql, rowsMax),
          answer.rows,
          interrupt,
        )
        const parts = await answer.parts(done, elapsed(startedAt), this.#engine.names)
        if (!isSavepointCommand(word)) await backend.command(RELEASE)
        return payloadOf(parts)
      } catch (error) {
        await this.#undo(interrupt)
        throw failureOf(error, command.sql, interrupt)
      } finally {
        interrupt.pid = 0
        this.#running = null
        if (interrupt.code) await interrupt.sent
      }
    })
  }

  commit(): Promise<void> {
    return this.#inTurn(async () => {
      try {
        await this.#session.backend.command('commit')
        this.#end('committed')
      } catch (error) {
        this.#end('rolled back: it could not be committed')
        throw failureOf(error, '', this.#own)
      }
    })
  }

  rollback(): Promise<void> {
    return this.#inTurn(async () => this.#rollback('rolled back'))
  }

  /** Ends it, with what runs in it. */
  rollbackSoon(reason: string): void {
    if (this.#ended) return
    clearTimeout(this.#idle)
    if (this.#running) this.#hooks.interrupt(this.#running)
    void this.#inTurn(async () => this.#rollback(reason)).catch(() => undefined)
  }

  async #rollback(reason: string): Promise<void> {
    await this.#session.backend.command('rollback').catch(() => undefined)
    this.#end(reason)
  }

  /** What failed is undone alone, unless the connection went with it. */
  async #undo(interrupt: Interrupt): Promise<void> {
    interrupt.pid = 0
    if (interrupt.code) await interrupt.sent
    const undone = await this.#session.backend.command(UNDO).then(
      () => true,
      () => false,
    )
    if (undone && this.#session.backend.status === 'T') return
    await this.#rollback('rolled back: a statement could not be undone alone')
  }

  #inTurn<T>(action: () => Promise<T>): Promise<T> {
    clearTimeout(this.#idle)
    const result = this.#turn.then(async () => {
      if (this.#ended) throw endedFailure(this.#ended)
      return action()
    })
    this.#turn = result.then(
      () => this.#rest(),
      () => this.#rest(),
    )
    return result
  }

  #rest(): void {
    clearTimeout(this.#idle)
    if (this.#ended) return
    this.#idle = setTimeout(
      () => this.rollbackSoon(`rolled back after ${this.#idleMs} ms without a request`),
      this.#idleMs,
    )
  }

  #end(reason: string): void {
    if (this.#ended) return
    this.#ended = reason
    clearTimeout(this.#idle)
    clearTimeout(this.#limit)
    this.#session.backend.onClose = () => undefined
    this.#engine.giveBack(this.#session, this.#own)
    this.#hooks.ended(reason)
  }
}
