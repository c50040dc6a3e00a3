import type { ConnectionRole } from '@db-forge/contract'
import type { BatchCommand, DescribeRequest, QueryCommand } from '@db-forge/contract/wire'
import { type FailureDetails, type Payload, WorkerFailure } from '@db-forge/worker-kit'
import { nowMs } from '../clock.ts'
import { OWNER, READER } from '../server/roles.ts'
import { ConnectionLost, ServerError } from '../wire/backend.ts'
import type { ErrorFields } from '../wire/responses.ts'
import { ANSWER_BYTES_MAX, Answer, type Parts, payloadOf } from './answer.ts'
import { describe } from './describe.ts'
import { lostFailure, toFailure } from './errors.ts'
import { refuseUnfit, rowsToAsk } from './first-word.ts'
import type { Interrupt } from './interrupt.ts'
import { bindingsOf } from './parameters.ts'
import type { Platform } from './platform.ts'
import { makesRoom, type Quota } from './quota.ts'
import type { Session, Sessions } from './sessions.ts'
import { type Completion, type RowSink, runStatement, StatementError } from './statement.ts'
import { TypeNames } from './type-names.ts'

/** Statements that are sent before the first of them is answered. */
const AHEAD_MAX = 64

const TRANSACTIONS = {
  write: { role: OWNER, begin: 'begin' },
  read: { role: READER, begin: 'begin isolation level repeatable read read only' },
} as const

export interface Statement {
  readonly sql: string
  readonly params?: QueryCommand['params']
}

type Limits = Pick<QueryCommand, 'maxRows' | 'rowFormat'>

/** How SQL is run. Failures that the caller shall know are thrown as WorkerFailure. */
export class Engine {
  readonly sessions: Sessions
  readonly names: TypeNames
  readonly #quota: Quota

  constructor(sessions: Sessions, platform: Platform, quota: Quota) {
    this.sessions = sessions
    this.names = new TypeNames((sql) => platform.command(sql))
    this.#quota = quota
  }

  /** JSON text of a QueryResult. */
  async query(command: QueryCommand, interrupt: Interrupt): Promise<Payload> {
    const word = this.check(command.sql, false)
    const answer = new Answer({ ...limitsOf(command), bytesMax: ANSWER_BYTES_MAX })
    const role = command.readOnly ? READER : OWNER
    return this.borrow(role, interrupt, async (session) => {
      this.restrain(session, [word])
      const startedAt = nowMs()
      const completion = await this.run(
        session,
        command,
        rowsToAsk(command.sql, command.maxRows),
        answer.rows,
        interrupt,
      )
      return payloadOf(await answer.parts(completion, elapsed(startedAt), this.names))
    })
  }

  /** JSON text of a BatchResult. */
  async batch(command: BatchCommand, interrupt: Interrupt): Promise<Payload> {
    const startedAt = nowMs()
    const words = command.statements.map(({ sql }, statement) =>
      this.check(sql, false, { statement }),
    )
    const mode = command.readOnly && command.transaction === 'write' ? 'read' : command.transaction
    const role = command.readOnly || mode === 'read' ? READER : OWNER
    const results = await this.borrow(role, interrupt, (session) => {
      this.restrain(session, words)
      return mode === 'none'
        ? this.#oneByOne(session, command, interrupt)
        : this.#together(session, command, TRANSACTIONS[mode].begin, interrupt)
    })
    const parts = results.flatMap((result, at) => (at === 0 ? result : [',', ...result]))
    return payloadOf(['{"results":[', ...parts, `],"durationMs":${elapsed(startedAt)}}`])
  }

  /** JSON text of a SchemaInfo. */
  describe(request: DescribeRequest, interrupt: Interrupt): Promise<string> {
    return this.borrow(OWNER, interrupt, async (session) => {
      interrupt.pid = session.backend.pid
      const countUntil = (nowMs() + interrupt.deadline) / 2
      const schema = await describe(session.backend, request, countUntil).catch(
        (error: unknown) => {
          throw failureOf(error, '', interrupt)
        },
      )
      return JSON.stringify(schema)
    })
  }

  /** Lends a session to one request and cleans up behind it. */
  async borrow<T>(
    role: ConnectionRole,
    interrupt: Interrupt,
    use: (session: Session) => Promise<T>,
  ): Promise<T> {
    const session = await this.sessions.acquire(role, interrupt)
    try {
      return await use(session)
    } finally {
      interrupt.pid = 0
      this.giveBack(session, interrupt)
    }
  }

  giveBack(session: Session, interrupt: Interrupt): void {
    const discarded = this.sessions.discard(session)
    // A cancel that is still on its way must not meet the next caller.
    this.sessions.release(
      session,
      interrupt.code ? interrupt.sent.then(() => discarded) : discarded,
    )
  }

  /** @throws WorkerFailure for a statement that a request cannot be. */
  check(sql: string, inTransaction: boolean, details: FailureDetails = {}): string {
    try {
      const word = refuseUnfit(sql, inTransaction)
      this.#quota.refuseGrowth(word)
      return word
    } catch (error) {
      throw error instanceof WorkerFailure
        ? new WorkerFailure(error.code, error.message, { ...error.details, ...details })
        : error
    }
  }

  /**
   * What its first word does not give away, a function or a WITH, may not grow the data either while nothing may; unless
   * what makes room is run along with it, for which the transaction must be able to write.
   */
  restrain({ role, backend }: Session, words: readonly string[]): void {
    if (!this.#quota.refusal || role === READER || words.some(makesRoom)) return
    backend.command('set default_transaction_read_only = on').catch(() => undefined)
  }

  /** Runs a statement on a session. @throws WorkerFailure */
  async run(
    { backend, role }: Session,
    { sql, params }: Statement,
    rowsMax: number,
    sink: RowSink,
    interrupt: Interrupt,
    details: FailureDetails = {},
  ): Promise<Completion> {
    interrupt.throwIfTripped()
    const bindings = bindingsOf(params)
    interrupt.pid = backend.pid
    try {
      const completion = await runStatement(backend, sql, bindings, rowsMax, sink)
      this.#learn(completion)
      return completion
    } catch (error) {
      const failure = failureOf(error, sql, interrupt, details)
      if (role === OWNER && isReadOnlyFailure(failure)) this.#refuse(details)
      throw failure
    }
  }

  /** @throws WorkerFailure if nothing that grows is taken. */
  #refuse(details: FailureDetails): void {
    const refusal = this.#quota.refused()
    if (refusal) throw new WorkerFailure(refusal.code, refusal.message, details)
  }

  #learn({ command }: Completion): void {
    if (command === 'ALTER' || command === 'DROP') this.names.forget()
  }

  async #oneByOne(session: Session, command: BatchCommand, interrupt: Interrupt): Promise<Parts[]> {
    const results: Parts[] = []
    let bytesLeft = ANSWER_BYTES_MAX
    for (const [index, statement] of command.statements.entries()) {
      const parts = await this.#ofBatch(session, statement, index, command, bytesLeft, interrupt)
      bytesLeft -= parts[1].length
      results.push(parts)
    }
    return results
  }

  async #together(
    session: Session,
    command: BatchCommand,
    begin: string,
    interrupt: Interrupt,
  ): Promise<Parts[]> {
    const { statements } = command
    const results: Parts[] = []
    let bytesLeft = ANSWER_BYTES_MAX
    interrupt.pid = session.backend.pid
    try {
      await session.backend.command(begin)
      for (let at = 0; at < statements.length; at += AHEAD_MAX) {
        const sent = statements
          .slice(at, at + AHEAD_MAX)
          .map((statement, nth) =>
            this.#ofBatch(session, statement, at + nth, command, bytesLeft, interrupt),
          )
        const parts = await firstFailure(sent)
        bytesLeft -= parts.reduce((sum, [, rows]) => sum + rows.length, 0)
        results.push(...parts)
      }
      await session.backend.command('commit')
      return results
    } catch (error) {
      await session.backend.command('rollback').catch(() => undefined)
      throw failureOf(error, '', interrupt)
    }
  }

  async #ofBatch(
    session: Session,
    statement: Statement,
    index: number,
    command: BatchCommand,
    bytesLeft: number,
    interrupt: Interrupt,
  ): Promise<Parts> {
    const answer = new Answer({ ...limitsOf(command), bytesMax: Math.max(bytesLeft, 0) })
    const startedAt = nowMs()
    const completion = await this.run(
      session,
      statement,
      rowsToAsk(statement.sql, command.maxRows),
      answer.rows,
      interrupt,
      { statement: index },
    )
    return answer.parts(completion, elapsed(startedAt), this.names)
  }
}

/** The transaction could only read. */
const isReadOnlyFailure = (failure: unknown): boolean =>
  failure instanceof WorkerFailure && failure.details.sqlCode === '25006'

const limitsOf = ({ maxRows, rowFormat }: Limits) => ({ rowsMax: maxRows, rowFormat })

export const elapsed = (startedAt: number): number =>
  Math.round((nowMs() - startedAt) * 1000) / 1000

/** All of them, or the failure of the first that failed; those behind it failed with it. */
async function firstFailure<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  const settled = await Promise.allSettled(promises)
  return settled.map((result) => {
    if (result.status === 'rejected') throw result.reason
    return result.value
  })
}

/** What a statement or its connection ended with, in the contract's words. */
export function failureOf(
  error: unknown,
  sql: string,
  interrupt: Interrupt,
  details: FailureDetails = {},
): unknown {
  if (error instanceof WorkerFailure) return error
  const fields = fieldsOf(error)
  if (fields === undefined) return error
  if (interrupt.code && endedFromOutside(fields)) return interrupt.failure()
  if (error instanceof StatementError && error.lost) return lostFailure(fields)
  return fields ? toFailure(fields, sql, details) : lostFailure(null)
}

function fieldsOf(error: unknown) {
  if (error instanceof StatementError) return error.fields
  if (error instanceof ServerError) return error.fields
  return error instanceof ConnectionLost ? null : undefined
}

const endedFromOutside = (fields: ErrorFields | null): boolean =>
  fields === null || /^57/.test(fields['C'] ?? '')
