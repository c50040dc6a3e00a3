import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { DockerRefusedError } from './docker-api.ts'
import { provideWorkerImage, WorkerImageError } from './docker-image.ts'
import { FakeDocker } from './testing/fake-docker.ts'
import { RuntimeUnavailableError } from './worker-runtime.ts'

const FILES = [
  'infra/docker/worker-sqlite.Dockerfile',
  'package-lock.json',
  'package.json',
  'packages/contract/package.json',
  'packages/contract/src/wire/frame.ts',
  'packages/contract/tsconfig.json',
  'packages/worker-kit/package.json',
  'packages/worker-kit/src/index.ts',
  'packages/worker-kit/tsconfig.json',
  'services/worker/native/build.mjs',
  'services/worker/native/guard.c',
  'services/worker/native/guard.h',
  'services/worker/package.json',
  'services/worker/src/main.ts',
  'services/worker/tsconfig.json',
  'tsconfig.base.json',
]

describe('the worker image', () => {
  const engine = 'sqlite' as const
  let docker: FakeDocker
  beforeEach(() => {
    docker = new FakeDocker()
  })

  async function checkout(): Promise<string> {
    const root = await mkdtemp(join(tmpdir(), 'dbf-'))
    onTestFinished(() => rm(root, { recursive: true, force: true }))
    const unshipped = [
      'dist/main.js',
      'dist/native/guard.so',
      'src/main.test.ts',
      'src/testing/link.ts',
      'src/torture/kill-run.ts',
    ]
    for (const path of [...FILES, ...unshipped.map((name) => `services/worker/${name}`)]) {
      await mkdir(dirname(join(root, path)), { recursive: true })
      await writeFile(join(root, path), path)
    }
    return root
  }

  test('that is named is taken as it is', async () => {
    docker.images.set('my/worker:2', 'sha256:mine')
    const image = await provideWorkerImage(docker, { engine, image: 'my/worker:2' })
    expect(image).toEqual({ name: 'my/worker:2', id: 'sha256:mine' })
  })

  test('that is not there, and cannot be built, is named in the error', async () => {
    const providing = provideWorkerImage(docker, { engine, image: 'my/worker:2' })
    await expect(providing).rejects.toThrow(new WorkerImageError('there is no image my/worker:2'))
  })

  test('is built once, of what is shipped and nothing else', async () => {
    const options = { engine, image: 'localhost:5000/worker:0.1.0', buildContext: await checkout() }
    const first = await provideWorkerImage(docker, options)
    expect(first.name).toMatch(/^localhost:5000\/worker:[0-9a-f]{12}$/)
    expect(await provideWorkerImage(docker, options)).toEqual(first)
    expect(docker.built).toEqual([FILES])
  })

  test.each(FILES)('is another one when %s changes', async (path) => {
    const options = { engine, image: 'worker', buildContext: await checkout() }
    const before = await provideWorkerImage(docker, options)
    await writeFile(join(options.buildContext, path), 'changed')
    expect((await provideWorkerImage(docker, options)).name).not.toBe(before.name)
  })

  test.each(['dist/native/guard.so', 'src/main.test.ts'])(
    'stays the same when %s changes',
    async (path) => {
      const options = { engine, image: 'worker', buildContext: await checkout() }
      const before = await provideWorkerImage(docker, options)
      await writeFile(join(options.buildContext, 'services/worker', path), 'changed')
      expect(await provideWorkerImage(docker, options)).toEqual(before)
    },
  )

  test('cannot be built without the sources of the worker', async () => {
    const buildContext = await checkout()
    await rm(join(buildContext, 'services/worker/src'), { recursive: true })
    const providing = provideWorkerImage(docker, { engine, image: 'worker', buildContext })
    await expect(providing).rejects.toThrow('services/worker/src is not there to build from')
  })

  test('that fails to build says what the build said last', async () => {
    docker.build = async (_image: unknown, onLine?: (line: string) => void) => {
      for (let line = 1; line <= 30; line++) onLine?.(`line ${line}`)
      throw new DockerRefusedError(500, 'npm ended with code 1')
    }
    const seen: string[] = []
    const onProgress = (line: string) => seen.push(line)
    const options = { engine, image: 'worker', buildContext: await checkout(), onProgress }
    const failure = await provideWorkerImage(docker, options).catch((error) => error)
    expect(failure).toBeInstanceOf(WorkerImageError)
    expect(failure.message).toMatch(/cannot be built: npm ended with code 1/)
    expect(failure.buildTail).toHaveLength(20)
    expect(failure.buildTail.at(-1)).toBe('line 30')
    expect(seen[0]).toMatch(/^building worker:/)
  })

  test('is not to blame for a Docker that goes away', async () => {
    docker.build = async () => {
      throw new RuntimeUnavailableError('gone')
    }
    const providing = provideWorkerImage(docker, {
      engine,
      image: 'w',
      buildContext: await checkout(),
    })
    await expect(providing).rejects.toThrow(RuntimeUnavailableError)
  })
})
