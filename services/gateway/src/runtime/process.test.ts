import { spawn, spawnSync } from 'node:child_process'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { engineSuite } from '../testing/engine-suites.ts'
import { dataLayout } from './data-layout.ts'
import { ProcessRuntime } from './process.ts'
import {
  newTestId,
  type RuntimeUnderTest,
  testSpec,
  workerIdentity,
  workerRuntimeContract,
} from './worker-runtime.contract.ts'
import { RuntimeUnavailableError, WorkerStartError } from './worker-runtime.ts'

const entryOf = (service: string) =>
  fileURLToPath(new URL(`../../../${service}/dist/main.js`, import.meta.url))
const entries = { sqlite: entryOf('worker'), postgres: entryOf('worker-postgres') }
const searchPath = process.env['PATH']

async function start(): Promise<RuntimeUnderTest> {
  const layout = dataLayout(await mkdtemp(join(tmpdir(), 'dbf-')))
  // PostgreSQL does not run as root; whom it runs as must be able to enter.
  await chmod(layout.root, 0o711)
  await mkdir(layout.databasesDir)
  return {
    layout,
    another: () => new ProcessRuntime({ layout, entries, searchPath }),
    async killWorker(id) {
      process.kill((await workerIdentity(layout, id)).pid, 'SIGKILL')
    },
    async dispose() {
      await rm(layout.root, { recursive: true, force: true })
    },
  }
}

workerRuntimeContract('process runtime', start)
engineSuite('postgres', 'process runtime', () =>
  workerRuntimeContract('its workers', start, 'postgres'),
)

describe('process runtime', () => {
  const ended: (() => Promise<void>)[] = []
  afterEach(async () => {
    for (const end of ended.splice(0)) await end()
  })

  async function fresh() {
    const under = await start()
    const runtime = under.another()
    ended.push(() => runtime.close(), under.dispose)
    return { under, runtime, layout: under.layout, id: newTestId() }
  }

  test('close ends every worker, also those of an earlier gateway', async () => {
    const { under, runtime, layout, id } = await fresh()
    await runtime.ensure(testSpec(id))
    await under.another().close()
    await expect(workerIdentity(layout, id)).rejects.toThrow()
    expect((await runtime.inspect(id))?.state.status).toBe('exited')
  })

  test('a closed runtime starts nothing more', async () => {
    const { runtime, id } = await fresh()
    await runtime.close()
    await expect(runtime.ensure(testSpec(id))).rejects.toThrow(RuntimeUnavailableError)
  })

  test('a recorded pid that belongs to another program is neither adopted nor killed', async () => {
    const { under, runtime, layout, id } = await fresh()
    const stranger = spawn('sleep', ['60'], { stdio: 'ignore' })
    ended.push(async () => void stranger.kill())
    await runtime.ensure(testSpec(id))
    await under.killWorker(id)
    await expect.poll(async () => (await runtime.inspect(id))?.state.status).toBe('exited')
    const record = { pid: stranger.pid, specHash: 'spec-one', startedAt: new Date() }
    await writeFile(join(layout.workersDir, `${id}.json`), JSON.stringify(record))

    const next = under.another()
    expect((await next.inspect(id))?.state.status).toBe('exited')
    await next.stop(id)
    await next.remove(id)
    expect(stranger.exitCode ?? stranger.signalCode).toBeNull()
  })

  test('a frozen worker is seen as running, and replaced by the next gateway', async () => {
    const { under, runtime, layout, id } = await fresh()
    await runtime.ensure(testSpec(id))
    const { pid } = await workerIdentity(layout, id)
    process.kill(pid, 'SIGSTOP')
    const next = new ProcessRuntime({ layout, entries, readyTimeoutMs: 3000, graceMs: 300 })
    expect((await next.inspect(id))?.state.status).toBe('running')
    await next.ensure(testSpec(id))
    expect((await workerIdentity(layout, id)).pid).not.toBe(pid)
    await expect.poll(async () => (await under.another().list()).length).toBe(1)
  })

  test('a worker learns nothing of the environment of the gateway', async () => {
    const { runtime, layout, id } = await fresh()
    vi.stubEnv('DBFORGE_ADMIN_TOKEN', 'canary-of-the-gateway')
    await runtime.ensure(testSpec(id))
    vi.unstubAllEnvs()
    const { pid } = await workerIdentity(layout, id)
    const environment = spawnSync('ps', ['eww', '-o', 'command=', '-p', String(pid)])
    expect(environment.stdout.toString()).toContain(id)
    expect(environment.stdout.toString()).not.toContain('canary-of-the-gateway')
    expect(environment.stdout.toString()).not.toContain('PATH=')
  })

  test('a worker that is no program cannot start', async () => {
    const { layout, id } = await fresh()
    const absent = { ...entries, sqlite: join(layout.root, 'absent.js') }
    const runtime = new ProcessRuntime({ layout, entries: absent })
    await expect(runtime.ping()).rejects.toThrow(RuntimeUnavailableError)
    await expect(runtime.ensure(testSpec(id))).rejects.toThrow(WorkerStartError)
  })
})
