import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url))
const ROOT = fileURLToPath(new URL('../../../../', import.meta.url))
const TOKEN = 'test-token-of-some-length'
const READY_MS = 60_000
const KEPT_LINES = 400

export interface Answer<T = Record<string, unknown>> {
  readonly status: number
  readonly body: T
}

/** A gateway in a process of its own, so that it can be killed. */
export class GatewayProcess {
  readonly port: number
  readonly #env: Readonly<Record<string, string>>
  #child: ChildProcess | undefined
  readonly #said: string[] = []

  constructor(port: number, env: Readonly<Record<string, string>>) {
    this.port = port
    this.#env = env
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  /** What it said last. */
  get log(): string {
    return this.#said.join('')
  }

  /** Resolves once it answers. */
  async start(): Promise<void> {
    const child = fork(MAIN, {
      silent: true,
      env: {
        PATH: process.env['PATH'],
        DBFORGE_PORT: String(this.port),
        DBFORGE_PG_PORT: 'off',
        DBFORGE_ADMIN_TOKEN: TOKEN,
        DBFORGE_BUILD_CONTEXT: ROOT,
        ...this.#env,
      },
    })
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => {
        this.#said.push(chunk.toString())
        if (this.#said.length > KEPT_LINES) this.#said.shift()
      })
    this.#child = child
    const until = performance.now() + READY_MS
    while (child.exitCode === null && performance.now() < until) {
      const answer = await this.call('GET', '/health/live').catch(() => null)
      if (answer?.status === 200) return
      await wait(50)
    }
    throw new Error(`the gateway did not come up:\n${this.log}`)
  }

  /** As `kill -9` does. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM')
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal)
  }

  /** @throws TypeError if it cannot be reached */
  async call<T = Record<string, unknown>>(
    method: string,
    path: string,
    body?: unknown,
    timeoutMs = 60_000,
  ): Promise<Answer<T>> {
    const response = await fetch(`http://127.0.0.1:${this.port}${path}`, {
      method,
      signal: AbortSignal.timeout(timeoutMs),
      headers: {
        authorization: `Bearer ${TOKEN}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    return { status: response.status, body: (text ? JSON.parse(text) : {}) as T }
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill(signal)
    await ended
  }
}

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address ? address.port : 0
}
