import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { LogLine, Problem } from '@db-forge/contract'
import { pino } from 'pino'
import { composeGateway, type Gateway } from '../compose.ts'
import { type Config, readConfig } from '../config.ts'

export const ADMIN_TOKEN = 'test-token-of-some-length'

interface Answered<T = unknown> {
  readonly status: number
  readonly headers: Record<string, unknown>
  readonly body: T
}

/** The real gateway on a folder of its own, with real workers; requests are injected. */
export interface TestGateway {
  readonly gateway: Gateway
  readonly config: Config
  /** What the gateway has logged so far. */
  readonly log: () => string
  call<T = Record<string, unknown>>(
    method: string,
    path: string,
    body?: unknown,
    headers?: object,
  ): Promise<Answered<T>>
  /** A call that must fail: its problem. */
  problem(method: string, path: string, body?: unknown): Promise<Problem>
  /** A request over a real connection, which can be closed half-way. */
  fetch(
    method: string,
    path: string,
    body?: unknown,
    options?: { readonly accept?: string; readonly signal?: AbortSignal },
  ): Promise<Response>
  /** Process of the worker that runs now. */
  workerPid(name: string): Promise<number>
  /** Ends this gateway as a restart would and opens another one on the same data. */
  reopen(): Promise<TestGateway>
  /** Ends the gateway, deletes its databases and their folder. */
  destroy(): Promise<void>
}

export async function openTestGateway(env: Record<string, string> = {}): Promise<TestGateway> {
  const folder = await mkdtemp(join(tmpdir(), 'dbf-'))
  // PostgreSQL does not run as root; whom it runs as must be able to enter.
  await chmod(folder, 0o711)
  return open(folder, {
    DBFORGE_RUNTIME: 'process',
    DBFORGE_ADMIN_TOKEN: ADMIN_TOKEN,
    DBFORGE_DATA_DIR: join(folder, 'data'),
    DBFORGE_SECRETS_DIR: join(folder, 'secrets'),
    DBFORGE_PG_PORT: 'off',
    // Of the machine's volume, which is others' too.
    DBFORGE_DISK_FLOOR_MB: '0',
    DBFORGE_DISK_BALLAST_MB: '0',
    DBFORGE_POOL_SQLITE: '0',
    DBFORGE_POOL_POSTGRES: '0',
    PATH: process.env['PATH'] ?? '',
    ...env,
  })
}

async function open(folder: string, env: Record<string, string>): Promise<TestGateway> {
  const lines: string[] = []
  const config = readConfig(env, false)
  const gateway = await composeGateway(
    config,
    pino({ level: 'debug' }, { write: (line: string) => void lines.push(line) }),
  )
  await gateway.start()
  const call: TestGateway['call'] = async <T>(
    method: string,
    path: string,
    body?: unknown,
    headers: object = {},
  ) => {
    const response = await gateway.app.inject({
      method: method as 'GET',
      url: path,
      headers: { authorization: `Bearer ${ADMIN_TOKEN}`, ...jsonType(body), ...headers },
      ...(body === undefined
        ? {}
        : { payload: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const isJson =
      /json/.test(String(response.headers['content-type'])) &&
      !/ndjson/.test(String(response.headers['content-type']))
    return {
      status: response.statusCode,
      headers: response.headers as Record<string, unknown>,
      body: (isJson && response.body ? JSON.parse(response.body) : response.body) as T,
    }
  }
  let address: Promise<string> | undefined
  return {
    gateway,
    config,
    call,
    async fetch(method, path, body, { accept, signal } = {}) {
      address ??= gateway.app.listen({ host: '127.0.0.1', port: 0 })
      return fetch(`${await address}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${ADMIN_TOKEN}`,
          ...jsonType(body),
          ...(accept ? { accept } : {}),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        ...(signal ? { signal } : {}),
      })
    },
    async workerPid(name) {
      const { body } = await call<string>('GET', `/admin/databases/${name}/logs?tail=50`)
      const ready = body
        .trim()
        .split('\n')
        .map((line) => JSON.parse((JSON.parse(line) as LogLine).line))
        .filter(({ msg }) => msg === 'ready')
      return ready.at(-1).pid
    },
    log: () => lines.join(''),
    async problem(method, path, body) {
      const answer = await call<Problem>(method, path, body)
      if (answer.status < 400) throw new Error(`${method} ${path} answered ${answer.status}`)
      return answer.body
    },
    async reopen() {
      await gateway.close()
      return open(folder, env)
    },
    async destroy() {
      const { body } = await call<{ items: { name: string }[] }>(
        'GET',
        '/admin/databases?limit=1000',
      )
      for (const { name } of body.items) await call('DELETE', `/admin/databases/${name}?force=true`)
      await gateway.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

const jsonType = (body: unknown) =>
  body === undefined ? {} : { 'content-type': 'application/json' }
