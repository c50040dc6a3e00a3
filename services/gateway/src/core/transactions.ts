import { randomBytes } from 'node:crypto'
import type {
  DatabaseId,
  DatabaseName,
  QueryRequest,
  TransactionBegin,
  Transaction as TransactionInfo,
} from '@db-forge/contract'
import { Begun, FrameType } from '@db-forge/contract/wire'
import type { z } from 'zod'
import type { DatabaseRow } from '../store/metadata-store.ts'
import type { Lane } from '../worker-link/lane.ts'
import { parseJson } from '../worker-link/link-errors.ts'
import type { SingleRequest } from '../worker-link/link-request.ts'
import type { WorkerLink } from '../worker-link/worker-link.ts'
import { AppError } from './app-error.ts'
import type { Caller } from './caller.ts'
import type { Databases } from './databases.ts'
import { type Ask, type QueryPath, queryCommand } from './query-path.ts'
import type { RunningQuery } from './running-queries.ts'

type Name = z.output<typeof DatabaseName>

/** How long one that has ended can still say why. */
const REMEMBERED_MS = 5 * 60_000
const REMEMBERED_MAX = 10_000
/** By how much the worker may be later than we are. */
const SLACK_MS = 250

interface Transaction {
  readonly id: string
  readonly database: DatabaseId
  readonly mode: 'write' | 'read'
  readonly startedAt: Date
  readonly expiresAt: Date
  readonly idleTimeoutMs: number
  readonly link: WorkerLink
  readonly lane: Lane
  /** The worker's own name for it. */
  readonly number: number
  /** When it is over, in time of `performance.now()`. */
  readonly deadline: number
  idleSince: number
  /** Statements under way. */
  active: number
  ended: { readonly reason: string; readonly at: number } | null
}

export interface TransactionsOptions {
  readonly databases: Databases
  readonly path: QueryPath
}

/**
 * Transactions that go over several requests. The worker keeps their time and rolls back what is left open; this side
 * knows where each lives, and for a while why it ended. Every method throws AppError.
 */
export class Transactions {
  readonly #o: TransactionsOptions
  readonly #byId = new Map<string, Transaction>()

  constructor(options: TransactionsOptions) {
    this.#o = options
  }

  async begin(name: Name, request: TransactionBegin, caller: Caller): Promise<TransactionInfo> {
    const row = this.#o.databases.require(name)
    this.#sweep()
    let begun: { link: WorkerLink; request: SingleRequest; running: RunningQuery } | undefined
    const answer = await this.#o.path.ask(row, caller, {
      type: FrameType.begin,
      place: { side: request.mode === 'write' ? 'writer' : 'reader' },
      command: { mode: request.mode, idleMs: request.idleTimeoutMs },
      kind: 'query',
      sql: 'BEGIN',
      timeoutMs: request.timeoutMs,
      onAnswered: (link, sent, running) => {
        begun = { link, request: sent, running }
      },
    })
    const number = Begun.safeParse(parseJson(answer)).data?.transaction
    const lane = begun?.request.lane
    if (!begun || !lane || number === undefined)
      throw new AppError('worker.unreachable', 'The worker began a transaction without a name')
    const { link, running } = begun
    if (running.cancelling) {
      link.rollBack(lane, number)
      throw new AppError('query.cancelled')
    }
    return present(this.#keep(row, request, { link, lane, number, running }))
  }

  list(name: Name): TransactionInfo[] {
    const { id } = this.#o.databases.require(name)
    this.#sweep()
    return [...this.#byId.values()]
      .filter(({ database, ended }) => database === id && !ended)
      .map(present)
  }

  isOpen(database: DatabaseId): boolean {
    this.#sweep()
    return [...this.#byId.values()].some((one) => one.database === database && !one.ended)
  }

  query(name: Name, id: string, request: QueryRequest, caller: Caller): Promise<Uint8Array> {
    const row = this.#o.databases.require(name)
    const transaction = this.#find(row, id)
    return this.#ask(row, transaction, caller, {
      type: FrameType.query,
      command: { ...queryCommand(request), transaction: transaction.number },
      sql: request.sql,
      queryId: request.queryId,
      timeoutMs: this.#timeLeft(row, transaction, request.timeoutMs),
    })
  }

  async commit(name: Name, id: string, caller: Caller): Promise<void> {
    await this.#end(name, id, caller, FrameType.commit)
  }

  async rollback(name: Name, id: string, caller: Caller): Promise<void> {
    await this.#end(name, id, caller, FrameType.rollback)
  }

  async #end(
    name: Name,
    id: string,
    caller: Caller,
    type: typeof FrameType.commit | typeof FrameType.rollback,
  ): Promise<void> {
    const row = this.#o.databases.require(name)
    const transaction = this.#find(row, id)
    const commits = type === FrameType.commit
    await this.#ask(row, transaction, caller, {
      type,
      command: { transaction: transaction.number },
      sql: commits ? 'COMMIT' : 'ROLLBACK',
    })
    this.#close(transaction, commits ? 'it was committed' : 'it was rolled back')
  }

  async #ask(
    row: DatabaseRow,
    transaction: Transaction,
    caller: Caller,
    ask: Omit<Ask, 'kind' | 'place' | 'link' | 'transaction'>,
  ): Promise<Uint8Array> {
    const { link, lane, id } = transaction
    transaction.active += 1
    try {
      const place = { lane }
      return await this.#o.path.ask(row, caller, {
        ...ask,
        place,
        link,
        kind: 'query',
        transaction: id,
      })
    } catch (error) {
      if (error instanceof AppError && ENDING.has(error.code))
        this.#close(transaction, error.detail ?? 'the worker ended it')
      throw error
    } finally {
      transaction.active -= 1
      transaction.idleSince = performance.now()
    }
  }

  #keep(
    row: DatabaseRow,
    { mode, idleTimeoutMs }: TransactionBegin,
    at: { link: WorkerLink; lane: Lane; number: number; running: RunningQuery },
  ): Transaction {
    const { link, lane, number, running } = at
    const now = performance.now()
    const startedAt = Date.now() - (now - running.startedAt)
    const transaction: Transaction = {
      id: `tx_${randomBytes(18).toString('base64url')}`,
      database: row.id,
      mode,
      startedAt: new Date(startedAt),
      expiresAt: new Date(startedAt + running.facts.timeoutMs),
      idleTimeoutMs,
      link,
      lane,
      number,
      deadline: running.deadline,
      idleSince: now,
      active: 0,
      ended: null,
    }
    this.#byId.set(transaction.id, transaction)
    return transaction
  }

  /** @throws AppError unless it is open, as far as we know. */
  #find(row: DatabaseRow, id: string): Transaction {
    const transaction = this.#byId.get(id)
    if (transaction?.database !== row.id) throw new AppError('transaction.not_found', `“${id}”`)
    this.#look(transaction, performance.now())
    if (transaction.ended) throw new AppError('transaction.ended', transaction.ended.reason)
    return transaction
  }

  /** A statement may not outlive its transaction. */
  #timeLeft(row: DatabaseRow, { deadline }: Transaction, wanted: number | undefined): number {
    const leftMs = Math.max(1, Math.ceil(deadline - performance.now()))
    return Math.min(wanted ?? row.limits.queryTimeoutMs, leftMs)
  }

  #look(transaction: Transaction, now: number): void {
    const { ended, link, lane, active, idleSince, idleTimeoutMs, deadline } = transaction
    if (ended) return
    if (link.closed || lane.closed) this.#close(transaction, 'the worker restarted')
    else if (active > 0) return
    else if (now > idleSince + idleTimeoutMs + SLACK_MS)
      this.#close(transaction, `rolled back after ${idleTimeoutMs} ms without a request`)
    else if (now > deadline + SLACK_MS) this.#close(transaction, 'rolled back at its time limit')
  }

  #close(transaction: Transaction, reason: string): void {
    transaction.ended ??= { reason, at: performance.now() }
  }

  #sweep(): void {
    const now = performance.now()
    let tooMany = this.#byId.size - REMEMBERED_MAX
    for (const transaction of this.#byId.values()) {
      this.#look(transaction, now)
      const { ended, id } = transaction
      if (!ended || (now < ended.at + REMEMBERED_MS && tooMany <= 0)) continue
      this.#byId.delete(id)
      tooMany -= 1
    }
  }
}

const ENDING: ReadonlySet<string> = new Set(['transaction.ended', 'transaction.not_found'])

const present = (transaction: Transaction): TransactionInfo => ({
  id: transaction.id,
  mode: transaction.mode,
  startedAt: transaction.startedAt.toISOString(),
  expiresAt: transaction.expiresAt.toISOString(),
  idleTimeoutMs: transaction.idleTimeoutMs,
})
