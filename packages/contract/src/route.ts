import type { z } from 'zod'
import type { ErrorCode } from './errors.ts'

export type HttpMethod = 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE'

/**
 * Who may call a route. `null`: anyone. `admin`: lifecycle and platform. `data`: what is inside one database.
 */
export type Scope = 'admin' | 'data' | null

/**
 * One endpoint as a value. The gateway mounts it, OpenAPI is generated from it and the client is derived
 * from it, so a shape is written once.
 */
export interface Route {
  /** Stable: the OpenAPI operationId, and the method's name in the client. */
  readonly id: string
  readonly method: HttpMethod
  /** With parameters in braces, as OpenAPI writes them: `/admin/databases/{name}`. */
  readonly path: `/${string}`
  readonly tag: 'databases' | 'jobs' | 'queries' | 'tables' | 'rows' | 'platform' | 'session'
  readonly scope: Scope
  readonly summary: string
  readonly description?: string
  readonly params?: z.ZodObject
  readonly query?: z.ZodObject
  /** Query parameters beyond `query` are row filters and reach the handler untouched. */
  readonly openQuery?: boolean
  readonly body?: z.ZodType
  readonly response: z.ZodType
  /** Status of the ordinary answer. */
  readonly status: 200 | 201 | 204
  /** Other statuses that carry the same answer: 200 beside 201 when a creation finds what it would create. */
  readonly alsoStatus?: 200 | 503
  /** What the answer may also be, by the media type that `Accept` asks for. */
  readonly streams?: Readonly<Record<string, z.ZodType>>
  /** What the answer is, when it is not JSON. */
  readonly produces?: 'text/plain' | 'application/x-ndjson'
  /** Takes an `Idempotency-Key`: asked again with it, the first answer is the answer. */
  readonly idempotent?: true
  /** Runs as a job: with `Prefer: respond-async` the job is the answer, at once and with 202. */
  readonly job?: true
  /** Codes a caller should expect from this route, beside those of every route. */
  readonly errors: readonly ErrorCode[]
  readonly examples?: { readonly body?: unknown; readonly response?: unknown }
}

export const route = <const R extends Route>(value: R): R => value

type OutOf<S> = S extends z.ZodType ? z.output<S> : undefined
type Field<K extends string, S> = S extends z.ZodType
  ? Record<never, never> extends z.input<S>
    ? { [P in K]?: z.input<S> }
    : { [P in K]: z.input<S> }
  : unknown

/** What a handler receives: parsed, with defaults filled in. */
export interface Parsed<R extends Route> {
  readonly params: OutOf<R['params']>
  readonly query: OutOf<R['query']>
  readonly body: OutOf<R['body']>
}

/** What a caller sends: before defaults. */
export type Call<R extends Route> = Field<'params', R['params']> &
  Field<'query', R['query']> &
  Field<'body', R['body']> &
  (R['openQuery'] extends true ? { readonly filters?: Readonly<Record<string, string>> } : unknown)

export type Answer<R extends Route> = z.output<R['response']>

/** A line of the streamed form of an answer. */
export type Streamed<R extends Route> = R['streams'] extends {
  'application/x-ndjson': infer S extends z.ZodType
}
  ? z.output<S>
  : never
