import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { dataLayout } from './data-layout.ts'
import type { DockerApi } from './docker-api.ts'
import type { WorkerContainer } from './docker-spec.ts'
import { DockerodeApi } from './dockerode-api.ts'
import { checkSocketPaths, type SelectRuntimeOptions, selectRuntime } from './select-runtime.ts'
import { FakeDocker } from './testing/fake-docker.ts'
import { newTestId } from './worker-runtime.contract.ts'
import { RuntimeUnavailableError } from './worker-runtime.ts'

const BUILD_MS = 600_000

function workers(of: { image: string; buildContext?: string }) {
  const sqlite = { entry: '/worker/main.js', ...of }
  return { sqlite, postgres: { entry: '/worker/postgres.js', image: 'none' } }
}

async function options(docker: DockerApi, mode: SelectRuntimeOptions['mode'] = 'auto') {
  const root = await mkdtemp(join(tmpdir(), 'dbf-'))
  onTestFinished(() => rm(root, { recursive: true, force: true }))
  const layout = dataLayout(root)
  await mkdir(layout.databasesDir)
  const instanceId = newTestId().replace('db_', 'test-')
  return { mode, layout, instanceId, workers: workers({ image: 'worker:1' }), docker }
}

function away(): FakeDocker {
  const docker = new FakeDocker()
  docker.ping = async () => {
    throw new RuntimeUnavailableError('Docker does not answer: connect ENOENT')
  }
  return docker
}

describe('auto takes processes, saying why', () => {
  test('where no Docker answers', async () => {
    const { runtime, reason } = await selectRuntime(await options(away()))
    expect(runtime.kind).toBe('process')
    expect(reason).toBe('Docker cannot be used: Docker does not answer: connect ENOENT')
  })

  test('where there is no worker image', async () => {
    const { runtime, reason } = await selectRuntime(await options(new FakeDocker()))
    expect(runtime.kind).toBe('process')
    expect(reason).toBe('Docker cannot be used: there is no image worker:1')
  })

  test('where a worker runs and its socket leads nowhere, and leaves nothing of it', async () => {
    const docker = new FakeDocker()
    docker.images.set('worker:1', 'sha256:1')
    const wanted = await options(docker)
    const { runtime, reason } = await selectRuntime(wanted)
    expect(runtime.kind).toBe('process')
    expect(reason).toMatch(/cannot be reached from here \(the worker did not answer in time\)/)
    expect(docker.containers.size).toBe(0)
    expect(await readdir(wanted.layout.databasesDir)).toEqual([])
  })
})

test('docker is not silently replaced where it was asked for', async () => {
  const selecting = selectRuntime(await options(away(), 'docker'))
  await expect(selecting).rejects.toThrow('Docker cannot be used: Docker does not answer')
})

test('processes that were asked for do not even ask for Docker', async () => {
  const docker = away()
  docker.ping = async () => expect.unreachable()
  const { runtime } = await selectRuntime(await options(docker, 'process'))
  expect(runtime.kind).toBe('process')
})

test('a data folder with too long a path is refused, with the reason', () => {
  const room = 107 - '/databases/db_aaaaaaaaaaaa/run/.s.PGSQL.5432'.length
  const spare = process.platform === 'linux' ? 0 : 4
  const longest = `/${'x'.repeat(room - 1 - spare)}`
  checkSocketPaths(dataLayout(longest))
  expect(() => checkSocketPaths(dataLayout(`${longest}é`))).toThrow('2 bytes too long')
})

class CountingDocker extends DockerodeApi {
  created = 0
  override async create(body: WorkerContainer): Promise<boolean> {
    this.created++
    return super.create(body)
  }
}

const absent = await new DockerodeApi().ping().then(
  () => null,
  (error: Error) => error.message,
)
describe.skipIf(absent)(absent ? `Docker: skipped, since ${absent}` : 'Docker', () => {
  test(
    'is taken where its workers can be reached, and is tried only once',
    async () => {
      const buildContext = fileURLToPath(new URL('../../../../', import.meta.url))
      const docker = new CountingDocker()
      const image = 'db-forge/worker-sqlite'
      const wanted = { ...(await options(docker)), workers: workers({ image, buildContext }) }
      const { runtime, reason } = await selectRuntime(wanted)
      expect({ kind: runtime.kind, reason }).toEqual({ kind: 'docker', reason: 'Docker answers' })
      expect(await readdir(wanted.layout.databasesDir)).toEqual([])
      expect(await runtime.list()).toEqual([])
      expect(existsSync(join(wanted.layout.workersDir, 'docker-probe'))).toBe(true)
      await selectRuntime(wanted)
      expect(docker.created).toBe(1)
      await runtime.close()
    },
    BUILD_MS,
  )
})
