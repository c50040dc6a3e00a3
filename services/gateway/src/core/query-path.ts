import type { DatabaseName, ErrorCode } from '@db-forge/contract'
import { FrameType } from '@db-forge/contract/wire'
import type { z } from 'zod'
import type { DatabaseRow } from '../store/metadata-store.ts'
import {
  LinkDownError,
  LinkTimeoutError,
  type WorkerConnection,
  WorkerFailure,
} from '../worker-link/worker-connection.ts'
import { AppError } from './app-error.ts'
import type { Databases } from './databases.ts'
import type { Lifecycle } from './lifecycle.ts'
import type { Telemetry } from './telemetry.ts'

export type RequestKind = 'query' | 'batch' | 'describe'

interface Timed {
  readonly timeoutMs: number
}

export interface QueryPathOptions {
  readonly databases: Databases
  readonly lifecycle: Lifecycle
  readonly telemetry: Telemetry
}

/** From a database's name to its worker's answer: the JSON text for the client, as the worker wrote it. */
export class QueryPath {
  readonly #o: QueryPathOptions

  constructor(options: QueryPathOptions) {
    this.#o = options
  }

  /** @throws AppError */
  async send<T extends Timed>(
    name: z.output<typeof DatabaseName>,
    kind: RequestKind,
    request: T,
  ): Promise<Uint8Array> {
    const row = this.#o.databases.require(name)
    const startedAt = performance.now()
    let outcome: 'ok' | ErrorCode = 'ok'
    try {
      return await this.#send(row, kind, request)
    } catch (error) {
      const failure = appErrorOf(error, request.timeoutMs)
      outcome = failure.code
      throw failure
    } finally {
      this.#o.telemetry.queryFinished(row.engine, outcome, (performance.now() - startedAt) / 1000)
    }
  }

  async #send(row: DatabaseRow, kind: RequestKind, request: Timed): Promise<Uint8Array> {
    const payload = encode(request)
    const connection = await this.#o.lifecycle.connection(row)
    try {
      return await exchange(connection, kind, payload, request.timeoutMs)
    } catch (error) {
      if (!(error instanceof LinkDownError) || error.sent) throw error
      const again = await this.#o.lifecycle.connection(row)
      return await exchange(again, kind, payload, request.timeoutMs)
    }
  }
}

const exchange = (
  connection: WorkerConnection,
  kind: RequestKind,
  payload: string,
  timeoutMs: number,
) => connection.request(FrameType[kind], payload, timeoutMs)

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

function appErrorOf(error: unknown, timeoutMs: number): AppError {
  if (error instanceof AppError) return error
  if (error instanceof WorkerFailure) {
    const { code, detail, sqlCode, position, statement } = error.failure
    const extra = {
      ...(sqlCode === undefined ? {} : { sqlCode }),
      ...(position === undefined ? {} : { position }),
      ...(statement === undefined ? {} : { statement }),
    }
    return new AppError(code, detail, {
      extra,
      ...(code === 'database.busy' ? { retryAfterSeconds: 1 } : {}),
    })
  }
  if (error instanceof LinkTimeoutError)
    return new AppError('query.timeout', `The limit was ${timeoutMs} ms`, { cause: error })
  if (error instanceof LinkDownError)
    return new AppError(
      error.sent ? 'worker.restarted' : 'worker.unreachable',
      restartDetail(error),
      {
        cause: error,
        retryAfterSeconds: 1,
      },
    )
  return new AppError('server.internal', undefined, { cause: error })
}

const restartDetail = (error: LinkDownError) =>
  error.sent ? 'A change that was under way may or may not have been made' : undefined
