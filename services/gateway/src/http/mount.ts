import {
  type Answer,
  ERRORS,
  type ErrorCode,
  Job,
  type Parsed,
  Problem,
  type Route,
} from '@db-forge/contract'
import type { FastifyInstance, FastifyReply, FastifyRequest, FastifySchema } from 'fastify'
import { validatorCompiler } from 'fastify-type-provider-zod'
import { z } from 'zod'

/** An answer that is sent as it is, such as what a worker wrote. */
export class Raw {
  readonly body: Uint8Array | NodeJS.ReadableStream
  readonly type: string
  readonly headers: Readonly<Record<string, string>> | undefined
  constructor(
    body: Uint8Array | NodeJS.ReadableStream,
    type = 'application/json; charset=utf-8',
    headers?: Readonly<Record<string, string>>,
  ) {
    this.body = body
    this.type = type
    this.headers = headers
  }
}

/** An answer with the route's other status. */
export class WithStatus<T> {
  readonly status: number
  readonly body: T
  constructor(status: number, body: T) {
    this.status = status
    this.body = body
  }
}

export interface HandlerContext {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  /** Query parameters that are not the route's own, where it takes any. */
  readonly filters: Readonly<Record<string, unknown>>
}

export type Handler<R extends Route> = (
  input: Parsed<R>,
  context: HandlerContext,
) => Promise<Answer<R> | Raw | WithStatus<Answer<R> | Job>>

/** Puts one route of the contract on the server: validation, documentation and answer come from its value. */
export function mount<R extends Route>(app: FastifyInstance, route: R, handler: Handler<R>): void {
  const own = new Set(Object.keys(route.query?.shape ?? {}))
  app.route({
    method: route.method,
    url: route.path.replace(/\{(\w+)\}/g, ':$1'),
    schema: schemaOf(route),
    config: { scope: route.scope, idempotent: route.idempotent, job: route.job },
    // Returns nothing: for a promise of the reply Fastify would listen for the end of each response.
    handler: (request, reply) => {
      const query = (request.query ?? {}) as Record<string, unknown>
      const filters = route.openQuery ? without(query, own) : NO_FILTERS
      // Fastify has just validated all three with the route's own schemas.
      const input = { params: request.params, query, body: request.body } as Parsed<R>
      handler(input, { request, reply, filters }).then(
        (result) => answer(route, reply, result),
        (error: unknown) => reply.send(error),
      )
    },
  })
}

const NO_FILTERS = Object.freeze({})

const without = (query: Record<string, unknown>, own: ReadonlySet<string>) =>
  Object.fromEntries(Object.entries(query).filter(([name]) => !own.has(name)))

/** Fastify hands null to the validator where there is no body; zod's word for that is undefined. */
export const validator: typeof validatorCompiler = (route) => {
  const validate = validatorCompiler(route)
  return route.httpPart === 'body' ? (data) => validate(data ?? undefined) : validate
}

function answer(route: Route, reply: FastifyReply, result: unknown): void {
  try {
    if (result instanceof Raw) {
      reply.code(route.status).header('content-type', result.type)
      if (result.headers) reply.headers(result.headers)
      reply.send(compact(result.body))
    } else if (result instanceof WithStatus) reply.code(result.status).send(result.body)
    else reply.code(route.status).send(result)
  } catch (error) {
    reply.send(error)
  }
}

/** Node sends a text together with the head in one write; bytes would take two. */
const COMPACT_BYTES = 4096

const compact = (body: Raw['body']) =>
  body instanceof Uint8Array && body.length <= COMPACT_BYTES
    ? Buffer.from(body.buffer, body.byteOffset, body.length).toString()
    : body

function schemaOf(route: Route): FastifySchema {
  const { examples } = route
  return {
    operationId: route.id,
    summary: route.summary,
    description: route.description ?? route.summary,
    tags: [route.tag],
    security: route.scope === null ? [] : [{ bearer: [] }, { apiKey: [] }, { session: [] }],
    ...(route.params ? { params: route.params } : {}),
    ...(route.query ? { querystring: route.openQuery ? route.query.loose() : route.query } : {}),
    ...(route.body ? { body: withExample(route.body, examples?.body) } : {}),
    response: {
      ...okResponses(route),
      ...(route.job ? { 202: Job } : {}),
      ...problemResponses(route),
    },
  }
}

const withExample = (schema: z.ZodType, example: unknown) =>
  example === undefined ? schema : schema.meta({ examples: [example] })

function okResponses(route: Route): Record<string, unknown> {
  if (route.status === 204) return { 204: z.undefined().describe('Done') }
  if (route.produces)
    return {
      [route.status]: {
        description: route.summary,
        content: { [route.produces]: { schema: route.response } },
      },
    }
  const schema = withExample(route.response, route.examples?.response)
  if (route.streams) {
    const types = { 'application/json': schema, ...route.streams }
    const content = Object.entries(types).map(([type, of]) => [type, { schema: of }])
    return { [route.status]: { description: route.summary, content: Object.fromEntries(content) } }
  }
  return { [route.status]: schema, ...(route.alsoStatus ? { [route.alsoStatus]: schema } : {}) }
}

const EVERYWHERE: readonly ErrorCode[] = ['request.invalid', 'server.internal']
const WITH_KEY: readonly ErrorCode[] = [
  'idempotency.mismatch',
  'idempotency.busy',
  'idempotency.lost',
]
const SIGNED_IN: readonly ErrorCode[] = ['auth.required', 'auth.invalid']

/** One response for each status, that lists its codes. */
function problemResponses(route: Route): Record<string, unknown> {
  const codes = new Set([
    ...EVERYWHERE,
    ...(route.scope === null ? [] : SIGNED_IN),
    ...route.errors,
    ...(route.idempotent ? WITH_KEY : []),
  ])
  return Object.fromEntries(
    [...groupByStatus(codes)]
      .filter(([status]) => status !== route.alsoStatus)
      .map(([status, list]) => [
        status,
        {
          description: list.map((code) => `\`${code}\`: ${ERRORS[code].title}`).join('\n\n'),
          content: { 'application/problem+json': { schema: Problem } },
        },
      ]),
  )
}

function groupByStatus(codes: Iterable<ErrorCode>): Map<number, ErrorCode[]> {
  const groups = new Map<number, ErrorCode[]>()
  for (const code of codes) {
    const { status } = ERRORS[code]
    groups.set(status, [...(groups.get(status) ?? []), code])
  }
  return groups
}

declare module 'fastify' {
  interface FastifyContextConfig {
    scope?: Route['scope']
    idempotent?: Route['idempotent']
    job?: Route['job']
  }
}
