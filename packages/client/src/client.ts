import {
  type Answer,
  api,
  type Call,
  type Job,
  Problem,
  type Route,
  type Streamed,
} from '@db-forge/contract'

export interface ClientOptions {
  /** Where the gateway is; empty for the page's own origin. */
  readonly baseUrl: string
  /** The admin token. Left out in a browser, where the session cookie signs the requests. */
  readonly token?: string
  readonly fetch?: typeof globalThis.fetch
}

export interface RequestOptions {
  readonly signal?: AbortSignal
  /** Names the request, where the route takes a key: sent again with it, it is not done again. */
  readonly idempotencyKey?: string
}

/** An answer of 400 and above. `problem.code` is a stable code of the contract. */
export class ApiError extends Error {
  readonly problem: Problem
  constructor(problem: Problem) {
    super(problem.detail ? `${problem.title}: ${problem.detail}` : problem.title)
    this.name = 'ApiError'
    this.problem = problem
  }
}

type Result<R extends Route> = R['produces'] extends 'application/x-ndjson'
  ? AsyncIterable<Answer<R>>
  : Promise<Answer<R>>
type Plain<R extends Route> =
  Record<never, never> extends Call<R>
    ? (call?: Call<R>, options?: RequestOptions) => Result<R>
    : (call: Call<R>, options?: RequestOptions) => Result<R>

/** Beside its ordinary form, a route that can stream has one that yields the parts of its answer as they come. */
interface Streaming<R extends Route> {
  /** Leaving the loop, or aborting the signal, cancels what runs. */
  stream(call: Call<R>, options?: RequestOptions): AsyncIterable<Streamed<R>>
}

/** What runs as a job can be left to itself. */
interface Beginning<R extends Route> {
  begin(call: Call<R>, options?: RequestOptions): Promise<Job>
}

type Method<R extends Route> = Plain<R> &
  (R['streams'] extends { 'application/x-ndjson': unknown } ? Streaming<R> : unknown) &
  (R['job'] extends true ? Beginning<R> : unknown)

type Api = typeof api
export type Client = {
  readonly [G in keyof Api]: {
    readonly [K in keyof Api[G]]: Api[G][K] extends Route ? Method<Api[G][K]> : never
  }
}

const NDJSON = 'application/x-ndjson'

interface UntypedCall {
  readonly params?: Readonly<Record<string, unknown>>
  readonly query?: Readonly<Record<string, unknown>>
  readonly filters?: Readonly<Record<string, string>>
  readonly body?: unknown
}

/** A method for each endpoint of the contract: `client.databases.spawn({ params: { name: 'shop' } })`. */
export function createClient(options: ClientOptions): Client {
  const groups = Object.entries(api).map(([group, routes]) => [
    group,
    Object.fromEntries(
      Object.entries(routes as Record<string, Route>).map(([key, route]) => [
        key,
        methodOf(options, route),
      ]),
    ),
  ])
  return Object.fromEntries(groups) as Client
}

function methodOf(options: ClientOptions, route: Route) {
  const stream = (call: UntypedCall = {}, request: RequestOptions = {}) =>
    lines(options, route, call, request)
  if (route.produces === NDJSON) return stream
  const plain = (call: UntypedCall = {}, request: RequestOptions = {}) =>
    once(options, route, call, request)
  if (route.job) {
    const begin = (call: UntypedCall, request: RequestOptions = {}) =>
      once(options, route, call, request, { prefer: 'respond-async' })
    return Object.assign(plain, { begin })
  }
  return route.streams?.[NDJSON] ? Object.assign(plain, { stream }) : plain
}

/** The path of a call, with its query. */
export function urlOf(route: Route, call: UntypedCall): string {
  const path = route.path.replace(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(String(call.params?.[name] ?? '')),
  )
  const search = new URLSearchParams()
  for (const [key, value] of Object.entries({ ...call.filters, ...call.query }))
    if (value !== undefined) search.set(key, String(value))
  return search.size > 0 ? `${path}?${search}` : path
}

async function send(
  options: ClientOptions,
  route: Route,
  call: UntypedCall,
  request: RequestOptions,
  more: Readonly<Record<string, string>> = {},
): Promise<Response> {
  const headers: Record<string, string> = { ...more }
  if (request.idempotencyKey) headers['idempotency-key'] = request.idempotencyKey
  if (options.token) headers.authorization = `Bearer ${options.token}`
  if (call.body !== undefined) headers['content-type'] = 'application/json'
  const response = await (options.fetch ?? fetch)(`${options.baseUrl}${urlOf(route, call)}`, {
    method: route.method,
    headers,
    credentials: 'same-origin',
    ...(call.body === undefined ? {} : { body: stringify(call.body) }),
    ...(request.signal ? { signal: request.signal } : {}),
  })
  if (!response.ok && response.status !== route.alsoStatus)
    throw new ApiError(await problemOf(response))
  return response
}

/** As JSON, with integers beyond ±(2^53−1) in the contract's own form. */
const stringify = (body: unknown) =>
  JSON.stringify(body, (_, value) =>
    typeof value === 'bigint' ? { $integer: value.toString() } : value,
  )

async function problemOf(response: Response): Promise<Problem> {
  const text = await response.text()
  try {
    return Problem.parse(JSON.parse(text))
  } catch {
    // Not the gateway's answer but that of something in between, such as a proxy.
    return {
      type: 'about:blank',
      title: response.statusText || `HTTP ${response.status}`,
      status: response.status,
      code: 'server.internal',
      detail: text.slice(0, 500),
      instance: response.headers.get('x-request-id') ?? '',
    }
  }
}

async function once(
  options: ClientOptions,
  route: Route,
  call: UntypedCall,
  request: RequestOptions,
  more?: Readonly<Record<string, string>>,
): Promise<unknown> {
  const response = await send(options, route, call, request, more)
  return response.status === 204 ? undefined : response.json()
}

async function* lines(
  options: ClientOptions,
  route: Route,
  call: UntypedCall,
  request: RequestOptions,
): AsyncIterable<unknown> {
  const response = await send(options, route, call, request, { accept: NDJSON })
  if (!response.body) return
  const reader = response.body.getReader()
  const decoder = new TextDecoder()
  let rest = ''
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      const lines = (rest + decoder.decode(part.value, { stream: true })).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) if (line) yield JSON.parse(line)
    }
  } finally {
    await reader.cancel()
  }
}
