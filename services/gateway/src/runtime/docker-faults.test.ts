import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { dataLayout } from './data-layout.ts'
import { DockerRuntime } from './docker.ts'
import { DockerRefusedError } from './docker-api.ts'
import { workerContainer, workerContainerName } from './docker-spec.ts'
import { FakeDocker } from './testing/fake-docker.ts'
import { newTestId, testSpec } from './worker-runtime.contract.ts'
import { RuntimeUnavailableError, WorkerStartError } from './worker-runtime.ts'

const image = { name: 'worker', id: 'sha256:1' }

/** No worker answers in these: what counts is what is asked of Docker until then. */
describe('the Docker runtime', () => {
  let docker: FakeDocker
  let runtime: DockerRuntime
  let root: string
  const spec = testSpec(newTestId())
  const name = workerContainerName(spec.databaseId)

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'dbf-'))
    onTestFinished(() => rm(root, { recursive: true, force: true }))
    docker = new FakeDocker()
    docker.images.set(image.name, image.id)
    const placement = { dataRoot: root, uid: 1000, gid: 1000, chown: false }
    const layout = dataLayout(root)
    const images = { sqlite: async () => image, postgres: async () => image }
    const parts = { docker, layout, instance: 'mine', images, placement }
    runtime = new DockerRuntime({ ...parts, readyTimeoutMs: 50 })
  })

  const body = (instance: string) =>
    workerContainer(spec, {
      instance,
      image: image.name,
      hostDir: dataLayout(root).databaseDir(spec.databaseId),
      uid: 1000,
      gid: 1000,
    })

  test('uses the container that came up between its look and its making', async () => {
    const { create } = docker
    docker.create = async (wanted) => {
      await create.call(docker, wanted)
      return false
    }
    const failure = await runtime.ensure(spec).catch((error) => error)
    expect(failure.message).toBe('the worker did not answer in time')
    expect(docker.containers.size).toBe(1)
  })

  test('replaces a container that Docker will not start any more', async () => {
    await docker.create(body('mine'))
    const spoilt = docker.containers.get(name)
    const { start } = docker
    docker.start = async (wanted) => {
      if (docker.containers.get(wanted) === spoilt)
        throw new DockerRefusedError(409, 'container is marked for removal and cannot be started')
      await start.call(docker, wanted)
    }
    await expect(runtime.ensure(spec)).rejects.toThrow('did not answer in time')
    expect(docker.containers.get(name)).not.toBe(spoilt)
  })

  test('waits for a name that is being given up', async () => {
    let refusals = 3
    const { create } = docker
    docker.create = async (wanted) => refusals-- <= 0 && create.call(docker, wanted)
    await expect(runtime.ensure(spec)).rejects.toThrow('did not answer in time')
    expect(docker.containers.has(name)).toBe(true)
  })

  test('leaves the container of another installation alone, and says so', async () => {
    await docker.create(body('theirs'))
    await docker.start(name)
    await expect(runtime.ensure(spec)).rejects.toThrow('of another installation')
    await runtime.stop(spec.databaseId)
    await runtime.remove(spec.databaseId)
    expect(docker.containers.get(name)?.running).toBe(true)
  })

  test('leaves a worker that does not come up stopped, not running', async () => {
    await expect(runtime.ensure(spec)).rejects.toThrow(WorkerStartError)
    expect(docker.containers.get(name)?.running).toBe(false)
  })

  test('starts again what is stopped and fits, and replaces what does not fit', async () => {
    await runtime.ensure(spec).catch(() => {})
    const first = docker.containers.get(name)
    await runtime.ensure(spec).catch(() => {})
    expect(docker.containers.get(name)).toBe(first)
    docker.images.set(image.name, 'sha256:another')
    await runtime.ensure(spec).catch(() => {})
    expect(docker.containers.get(name)).not.toBe(first)
  })

  test('changes what Docker can change, and makes no other container for it', async () => {
    await runtime.ensure(spec).catch(() => {})
    const first = docker.containers.get(name)
    const limits = { ...spec.limits, cpus: 2, pidsMax: 77 }
    await runtime.ensure({ ...spec, limits }).catch(() => {})
    expect(docker.containers.get(name)).toBe(first)
    expect(first?.bounds).toEqual({ NanoCpus: 2e9, PidsLimit: 77 })
  })

  test("hands on Docker's own words when it refuses to start", async () => {
    docker.start = async () => {
      throw new DockerRefusedError(500, 'no space left on device')
    }
    const failure = await runtime.ensure(spec).catch((error) => error)
    expect(failure).toBeInstanceOf(WorkerStartError)
    expect(failure.message).toMatch(/no space left on device/)
  })

  test.each(['container', 'create', 'start'] as const)(
    'tells that Docker is away, when it goes at %s',
    async (method) => {
      docker[method] = async () => {
        throw new RuntimeUnavailableError('gone')
      }
      await expect(runtime.ensure(spec)).rejects.toThrow(RuntimeUnavailableError)
    },
  )
})
