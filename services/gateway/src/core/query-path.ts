import type {
  BatchRequest,
  DatabaseName,
  EngineName,
  ErrorCode,
  QueryRequest,
  RunningQuery as RunningQueryInfo,
} from '@db-forge/contract'
import { FrameType, type StreamEnd, type StreamFormat } from '@db-forge/contract/wire'
import type { z } from 'zod'
import type { DatabaseRow } from '../store/metadata-store.ts'
import { CancelledError, LateAnswerError, LinkDownError } from '../worker-link/link-errors.ts'
import { type LinkCommand, SingleRequest } from '../worker-link/link-request.ts'
import {
  STREAM_CREDIT_BYTES,
  type StreamPart,
  StreamRequest,
} from '../worker-link/stream-request.ts'
import type { WorkerLink } from '../worker-link/worker-link.ts'
import { AppError } from './app-error.ts'
import type { Caller } from './caller.ts'
import type { Databases } from './databases.ts'
import type { Lifecycle } from './lifecycle.ts'
import { appErrorOf } from './query-failure.ts'
import type { RunningFacts, RunningQueries, RunningQuery } from './running-queries.ts'
import type { Telemetry } from './telemetry.ts'

type Name = z.output<typeof DatabaseName>

const ROWS_DEFAULT = 1000
const ROWS_MAX = 100_000
/** More rows than a worker counts to are all of them. */
const STREAM_ROWS_MAX = 0x7fff_ffff

const READER = { side: 'reader' } as const
const WRITER = { side: 'writer' } as const

/** One request to a worker, before it has a deadline. */
export interface Ask {
  readonly type: FrameType
  readonly place: LinkCommand['place']
  /** What is sent, as JSON. */
  readonly command: object
  readonly kind: RunningQueryInfo['kind']
  readonly sql: string
  readonly queryId?: string | undefined
  readonly timeoutMs?: number | undefined
  readonly transaction?: string
  /** The link to use and no other. */
  readonly link?: WorkerLink
  /** What it became, once it has been answered. */
  readonly onAnswered?: (link: WorkerLink, request: SingleRequest, running: RunningQuery) => void
}

export interface QueryPathOptions {
  readonly databases: Databases
  readonly lifecycle: Lifecycle
  readonly telemetry: Telemetry
  readonly running: RunningQueries
}

/** The answer to a statement in parts, as the worker wrote them. */
export interface QueryStream {
  readonly queryId: string
  /** JSON list. */
  readonly columns: string
  /** @throws AppError after what came before. */
  readonly parts: AsyncGenerator<StreamPart, void>
  /** After the last part. */
  readonly end: () => StreamEnd & { readonly rowCount: number }
}

/** From a database's name to its worker's answer: the JSON text for the client, as the worker wrote it. Throws AppError. */
export class QueryPath {
  readonly #o: QueryPathOptions

  constructor(options: QueryPathOptions) {
    this.#o = options
  }

  engineOf(name: Name): EngineName {
    return this.#o.databases.require(name).engine
  }

  query(name: Name, request: QueryRequest, caller: Caller): Promise<Uint8Array> {
    const { sql } = request
    return this.ask(this.#o.databases.require(name), caller, {
      type: FrameType.query,
      place: request.readOnly ? READER : { statement: sql },
      command: queryCommand(request),
      kind: 'query',
      sql,
      queryId: request.queryId,
      timeoutMs: request.timeoutMs,
    })
  }

  batch(name: Name, request: BatchRequest, caller: Caller): Promise<Uint8Array> {
    const { statements, transaction, maxRows, readOnly, rowFormat } = request
    return this.ask(this.#o.databases.require(name), caller, {
      type: FrameType.batch,
      place: transaction === 'read' ? READER : WRITER,
      command: { statements, transaction, maxRows, readOnly, rowFormat },
      kind: 'batch',
      sql: statements[0]?.sql ?? '',
      queryId: request.queryId,
      timeoutMs: request.timeoutMs,
    })
  }

  /** SchemaInfo as JSON text. */
  describe(
    name: Name,
    command: { readonly table?: string; readonly counts: boolean },
    caller: Caller,
  ): Promise<Uint8Array> {
    const ask = {
      type: FrameType.describe,
      place: READER,
      command,
      kind: 'schema',
      sql: '',
    } as const
    return this.ask(this.#o.databases.require(name), caller, ask)
  }

  /** Resolves once the engine has produced the first part; until then a failure is an ordinary one. */
  async stream(
    name: Name,
    request: QueryRequest,
    format: StreamFormat,
    caller: Caller,
  ): Promise<QueryStream> {
    const { sql, params, readOnly, rowFormat, maxRows } = request
    const row = this.#o.databases.require(name)
    const ask: Ask = {
      type: FrameType.stream,
      place: readOnly ? READER : { statement: sql },
      command: {
        sql,
        params,
        readOnly,
        rowFormat,
        maxRows: maxRows === undefined || maxRows > STREAM_ROWS_MAX ? null : maxRows,
        format,
        credit: STREAM_CREDIT_BYTES,
      },
      kind: 'stream',
      sql,
      queryId: request.queryId,
      timeoutMs: request.timeoutMs,
    }
    const running = this.#open(row, caller, ask)
    let stream: StreamRequest
    try {
      stream = await this.#openStream(row, running, ask, format, caller)
    } catch (error) {
      throw this.#fail(row, running, error)
    }
    void stream.done.then((error) =>
      error ? this.#fail(row, running, error) : this.#finish(row, running, 'ok'),
    )
    return {
      queryId: running.facts.id,
      columns: await stream.opened,
      parts: partsOf(stream, running.facts.timeoutMs),
      end: () => ({ ...stream.end, rowCount: stream.rows }),
    }
  }

  list(name: Name): RunningQueryInfo[] {
    return this.#o.running.list(this.#o.databases.require(name).id)
  }

  /** Resolves once the query has ended. */
  cancel(name: Name, queryId: string): Promise<void> {
    return this.#o.running.cancel(this.#o.databases.require(name).id, queryId)
  }

  /** Asks on behalf of a caller; what is asked is listed, and cancelled when the caller goes away. */
  async ask(row: DatabaseRow, caller: Caller, ask: Ask): Promise<Uint8Array> {
    const running = this.#open(row, caller, ask)
    for (let again = ask.link !== undefined; ; again = true) {
      try {
        const link = ask.link ?? this.#o.lifecycle.current(row) ?? (await this.#link(row, running))
        const request = new SingleRequest(commandOf(running, ask))
        link.send(request)
        running.attach(link, request)
        const answer = await request.answer
        ask.onAnswered?.(link, request, running)
        this.#finish(row, running, 'ok')
        return answer
      } catch (error) {
        // What no worker has seen yet is sent to the next one.
        if (again || !isUnsent(error)) throw this.#fail(row, running, error)
      }
    }
  }

  #open(row: DatabaseRow, caller: Caller, ask: Ask): RunningQuery {
    const facts: RunningFacts = {
      id: ask.queryId ?? caller.requestId,
      kind: ask.kind,
      sql: ask.sql,
      timeoutMs: ask.timeoutMs ?? row.limits.queryTimeoutMs,
      by: caller.by,
      transaction: ask.transaction ?? null,
    }
    const running = this.#o.running.open(row.id, facts)
    caller.whenGone(() => running.cancel())
    return running
  }

  #finish(row: DatabaseRow, running: RunningQuery, outcome: 'ok' | ErrorCode): void {
    const seconds = (performance.now() - running.startedAt) / 1000
    this.#o.running.close(running)
    this.#o.telemetry.queryFinished(row.engine, outcome, seconds)
  }

  #fail(row: DatabaseRow, running: RunningQuery, error: unknown): AppError {
    const failure = appErrorOf(error, running.facts.timeoutMs)
    this.#finish(row, running, failure.code)
    return failure
  }

  async #openStream(
    row: DatabaseRow,
    running: RunningQuery,
    ask: Ask,
    format: StreamFormat,
    caller: Caller,
  ): Promise<StreamRequest> {
    const command = commandOf(running, ask)
    for (let again = false; ; again = true) {
      const link = this.#o.lifecycle.current(row) ?? (await this.#link(row, running))
      const request = new StreamRequest(command, format)
      link.send(request)
      running.attach(link, request)
      try {
        await request.opened
        caller.whenGone(() => request.abandon())
        return request
      } catch (error) {
        if (again || !isUnsent(error)) throw error
      }
    }
  }

  /** Waits for a worker that is starting, as long as the request itself may take. */
  async #link(row: DatabaseRow, running: RunningQuery): Promise<WorkerLink> {
    let timer: NodeJS.Timeout | undefined
    const given = new Promise<never>((_, reject) => {
      running.whenCancelled(() => reject(new CancelledError()))
      const leftMs = running.deadline - performance.now()
      timer = setTimeout(() => reject(new LateAnswerError('the worker is starting')), leftMs)
    })
    try {
      return await Promise.race([this.#o.lifecycle.link(row), given])
    } finally {
      clearTimeout(timer)
    }
  }
}

/** @throws AppError for more rows than one JSON text should hold. */
export function queryCommand(request: QueryRequest): object {
  const { sql, params, readOnly, rowFormat, maxRows = ROWS_DEFAULT } = request
  if (maxRows > ROWS_MAX) {
    const detail = `at most ${ROWS_MAX}, unless the rows are streamed`
    throw new AppError('request.invalid', `#/maxRows: ${detail}`, {
      extra: { errors: [{ pointer: '#/maxRows', detail }] },
    })
  }
  return { sql, params, maxRows, readOnly, rowFormat }
}

async function* partsOf(
  stream: StreamRequest,
  timeoutMs: number,
): AsyncGenerator<StreamPart, void> {
  try {
    yield* stream.parts()
  } catch (error) {
    throw appErrorOf(error, timeoutMs)
  } finally {
    stream.abandon()
  }
}

const commandOf = (running: RunningQuery, { type, place, command }: Ask): LinkCommand => ({
  type,
  place,
  payload: encode(command),
  deadline: running.deadline,
})

const isUnsent = (error: unknown) => error instanceof LinkDownError && !error.sent

/** JSON.stringify with a replacer takes several times as long, so only what holds a bigint pays for it. */
function encode(request: object): string {
  try {
    return JSON.stringify(request)
  } catch {
    return JSON.stringify(request, (_, value: unknown) =>
      typeof value === 'bigint' ? { $integer: value.toString() } : value,
    )
  }
}
