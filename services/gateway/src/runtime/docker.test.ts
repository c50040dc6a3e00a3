import { mkdir, mkdtemp, readdir, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { DatabaseId, EngineName } from '@db-forge/contract'
import Dockerode from 'dockerode'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { dataLayout } from './data-layout.ts'
import { DockerRuntime } from './docker.ts'
import { provideWorkerImage, type WorkerImage } from './docker-image.ts'
import { placeWorkers } from './docker-placement.ts'
import { workerContainerName } from './docker-spec.ts'
import { DockerodeApi } from './dockerode-api.ts'
import {
  newTestId,
  queryWorker,
  type RuntimeUnderTest,
  testSpec,
  workerIdentity,
  workerRuntimeContract,
} from './worker-runtime.contract.ts'
import { WorkerStartError } from './worker-runtime.ts'

const BUILD_MS = 600_000
const docker = new DockerodeApi()
const raw = new Dockerode()
const absent = await docker.ping().then(
  () => null,
  (error: Error) => error.message,
)

let image: WorkerImage
let postgresImage: WorkerImage
const images = { sqlite: async () => image, postgres: async () => postgresImage }
async function start(instance = newTestId().replace('db_', 'test-')) {
  const layout = dataLayout(await realpath(await mkdtemp(join(tmpdir(), 'dbf-'))))
  await mkdir(layout.databasesDir)
  const placement = await placeWorkers(docker, layout.root)
  return {
    layout,
    another: () => new DockerRuntime({ docker, layout, instance, images, placement }),
    killWorker: (id: DatabaseId) => container(id).kill({ signal: 'SIGKILL' }),
    async dispose() {
      for (const name of await docker.containersWith(`dev.dbforge.instance=${instance}`))
        await docker.remove(name)
      await rm(layout.root, { recursive: true, force: true })
    },
  } satisfies RuntimeUnderTest
}

function container(id: DatabaseId) {
  return raw.getContainer(workerContainerName(id))
}

describe.skipIf(absent)(absent ? `Docker: skipped, since ${absent}` : 'Docker', () => {
  beforeAll(async () => {
    const buildContext = fileURLToPath(new URL('../../../../', import.meta.url))
    const provide = (engine: EngineName) =>
      provideWorkerImage(docker, { engine, image: `db-forge/worker-${engine}`, buildContext })
    image = await provide('sqlite')
    postgresImage = await provide('postgres')
  }, BUILD_MS)

  workerRuntimeContract('docker runtime', start)
  workerRuntimeContract('docker runtime with PostgreSQL', start, 'postgres')

  describe('a worker in a container', () => {
    let under: Awaited<ReturnType<typeof start>>
    let runtime: DockerRuntime
    beforeAll(async () => {
      under = await start()
      runtime = under.another()
    })
    afterAll(async () => {
      await runtime?.close()
      await under?.dispose()
    })

    async function ensured(overrides = {}): Promise<DatabaseId> {
      const id = newTestId()
      onTestFinished(() => docker.remove(workerContainerName(id)))
      await runtime.ensure(testSpec(id, overrides))
      return id
    }

    test('has no network, no privileges, a read-only root, its limits, and one mount', async () => {
      const id = await ensured({ limits: { memoryMb: 80, cpus: 0.5, maxSizeMb: 8, pidsMax: null } })
      const { HostConfig, Mounts, NetworkSettings, Config } = await container(id).inspect()
      expect(HostConfig).toMatchObject({
        NetworkMode: 'none',
        ReadonlyRootfs: true,
        Privileged: false,
        CapAdd: null,
        CapDrop: ['ALL'],
        SecurityOpt: ['no-new-privileges'],
        IpcMode: 'none',
        Memory: 80 * 2 ** 20,
        MemorySwap: 80 * 2 ** 20,
        NanoCpus: 5e8,
        PidsLimit: 64,
        RestartPolicy: { Name: 'no' },
      })
      expect(Object.keys(NetworkSettings.Networks)).toEqual(['none'])
      const placement = await placeWorkers(docker, under.layout.root)
      expect(Mounts).toEqual([
        expect.objectContaining({
          Type: 'bind',
          Source: join(placement.dataRoot, 'databases', id),
          Destination: '/data',
          RW: true,
          Propagation: 'rprivate',
        }),
      ])
      expect(Config.User).toMatch(/^[1-9]\d*:[1-9]\d*$/)
    })

    test('goes on with another share of processors and another number of processes', async () => {
      const id = await ensured()
      const before = await container(id).inspect()
      const limits = { ...testSpec(id).limits, cpus: 0.5, pidsMax: 99, maxSizeMb: 4096 }
      await runtime.ensure(testSpec(id, { limits }))
      const after = await container(id).inspect()
      expect(after.HostConfig).toMatchObject({ NanoCpus: 5e8, PidsLimit: 99 })
      expect([after.Id, after.State.StartedAt]).toEqual([before.Id, before.State.StartedAt])
      expect(after.Config.Labels).toMatchObject({ 'dev.dbforge.generation': '1' })
      const limit = await Promise.all(
        ['', 'pids/'].map((at) =>
          runIn(id, ['cat', `/sys/fs/cgroup/${at}pids.max`]).catch(() => ''),
        ),
      )
      // As either version of cgroups has it.
      expect(limit.join('')).toContain('99\n')
      await runtime.ensure(testSpec(id, { limits: { ...limits, memoryMb: 96 }, hash: 'spec-two' }))
      expect((await container(id).inspect()).Id).not.toBe(before.Id)
    })

    test('is held to that by the kernel', async () => {
      const id = await ensured()
      const read = (what: string) => runIn(id, ['cat', what])
      const status = await read('/proc/1/status')
      expect(status).toMatch(/^CapEff:\s+0+$/m)
      expect(status).toMatch(/^CapBnd:\s+0+$/m)
      expect(status).toMatch(/^NoNewPrivs:\s+1$/m)
      expect(status).toMatch(/^Seccomp:\s+2$/m)
      expect(status).not.toMatch(/^Uid:.*\b0\b/m)
      expect(await read('/proc/1/limits')).toMatch(/^Max core file size\s+0\s+0/m)
      const interfaces = (await read('/proc/1/net/dev')).trim().split('\n').slice(2)
      expect(interfaces.map((line) => line.trim().split(':')[0])).toEqual(['lo'])
    })

    test('can write in its own folder and a small /tmp, and nowhere else', async () => {
      const id = await ensured()
      const find = [
        'find',
        '/',
        '-path',
        '/proc',
        '-prune',
        '-o',
        '-type',
        'd',
        '-writable',
        '-print',
      ]
      const writable = (await runIn(id, find)).trim().split('\n')
      // The message queues are those of its own IPC namespace.
      const outside = writable.filter((path) => !/^\/data(?:\/|$)/.test(path))
      expect(outside.sort()).toEqual(['/dev/mqueue', '/tmp'])
      expect(await runIn(id, ['df', '--output=size', '-m', '/tmp'])).toMatch(/^\s*16$/m)
    })

    test('sees its own folder and no other', async () => {
      const neighbour = await ensured()
      const id = await ensured()
      await writeFile(join(under.layout.databaseDir(neighbour), 'canary'), 'of a neighbour')
      const seen = await runIn(id, ['find', '/', '-xdev', '-name', 'canary'])
      const own = await runIn(id, ['ls', '/data'])
      expect(seen.trim()).toBe('')
      expect(own.trim().split('\n').sort()).toEqual(
        (await readdir(under.layout.databaseDir(id))).sort(),
      )
    })

    test('that was removed by hand comes back with its data', async () => {
      const id = await ensured()
      await queryWorker(under.layout, id, 'create table note as select 1 as one')
      await container(id).remove({ force: true })
      expect(await runtime.inspect(id)).toBeNull()
      await runtime.ensure(testSpec(id))
      expect(await queryWorker(under.layout, id, 'select one from note')).toEqual([[1]])
    })

    test('that someone stops is not waited for while it ends', async () => {
      const id = await ensured()
      const { workerId } = await workerIdentity(under.layout, id)
      const from = performance.now()
      const stopped = container(id).stop()
      const again = async () => {
        await runtime.ensure(testSpec(id))
        return (await workerIdentity(under.layout, id)).workerId
      }
      await expect.poll(again, { interval: 1, timeout: 15_000 }).not.toBe(workerId)
      expect(performance.now() - from).toBeLessThan(10_000)
      await stopped
    })

    test('is replaced when the image is another, though its spec is the same', async () => {
      const id = await ensured()
      const { workerId } = await workerIdentity(under.layout, id)
      const tagged = `db-forge/worker-test:${id}`
      await raw.getImage(image.id).tag({ repo: 'db-forge/worker-test', tag: id })
      onTestFinished(() => raw.getImage(tagged).remove())
      const placement = await placeWorkers(docker, under.layout.root)
      const { instance } = await identityOf(id)
      const changed = new DockerRuntime({
        docker,
        layout: under.layout,
        instance,
        images: { ...images, sqlite: async () => ({ name: tagged, id: image.id }) },
        placement,
      })
      await changed.ensure(testSpec(id))
      expect((await workerIdentity(under.layout, id)).workerId).not.toBe(workerId)
      await changed.close()
    })

    test('of another installation is neither seen nor touched', async () => {
      const id = await ensured()
      const { workerId } = await workerIdentity(under.layout, id)
      const stranger = await start()
      onTestFinished(stranger.dispose)
      const theirs = stranger.another()
      expect(await theirs.list()).toEqual([])
      expect(await theirs.inspect(id)).toBeNull()
      await theirs.stop(id)
      await theirs.remove(id)
      await expect(theirs.ensure(testSpec(id))).rejects.toThrow(WorkerStartError)
      expect((await workerIdentity(under.layout, id)).workerId).toBe(workerId)
      await theirs.close()
    })

    test('that is killed for its memory says so', async () => {
      const id = await ensured()
      const eat = 'const a = []; for (;;) a.push(Buffer.alloc(2 ** 20, 1))'
      await runIn(id, ['node', '-e', eat]).catch(() => {})
      await expect
        .poll(async () => (await container(id).inspect()).State.OOMKilled, { timeout: 10_000 })
        .toBe(true)
    })

    test('has no part of the environment of the gateway', async () => {
      const id = await ensured()
      const { Env } = (await container(id).inspect()).Config
      const names = Env.map((pair) => pair.split('=')[0]).sort()
      expect(names.filter((name) => name?.startsWith('DBFORGE_'))).toEqual([
        'DBFORGE_CONTAINED',
        'DBFORGE_DATABASE_DIR',
        'DBFORGE_DATABASE_ID',
        'DBFORGE_ENGINE',
        'DBFORGE_MAX_SIZE_MB',
        'DBFORGE_MEMORY_MB',
        'DBFORGE_SPEC_HASH',
      ])
    })

    async function identityOf(id: DatabaseId): Promise<{ instance: string }> {
      const there = await docker.container(workerContainerName(id))
      return { instance: there?.labels['dev.dbforge.instance'] ?? '' }
    }

    async function runIn(id: DatabaseId, command: string[]): Promise<string> {
      const exec = await container(id).exec({ Cmd: command, AttachStdout: true })
      const stream = await exec.start({})
      const chunks: Buffer[] = []
      const sink = { write: (chunk: Buffer) => chunks.push(chunk) }
      raw.modem.demuxStream(stream, sink as never, sink as never)
      await new Promise((resolve) => stream.once('end', resolve))
      return Buffer.concat(chunks).toString()
    }
  })
})
