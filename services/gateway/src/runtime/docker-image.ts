import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { EngineName } from '@db-forge/contract'
import type { DockerApi } from './docker-api.ts'
import { RuntimeUnavailableError } from './worker-runtime.ts'

interface Recipe {
  readonly dockerfile: string
  /** All that the image is made of, as in the Dockerfile's own ignore list. `src` and `native` stand for the sources in them. */
  readonly madeOf: readonly string[]
}

const SHARED = [
  'package.json',
  'package-lock.json',
  'tsconfig.base.json',
  'packages/contract/package.json',
  'packages/contract/tsconfig.json',
  'packages/contract/src',
  'packages/worker-kit/package.json',
  'packages/worker-kit/tsconfig.json',
  'packages/worker-kit/src',
]
const service = (name: string) =>
  ['package.json', 'tsconfig.json', 'src'].map((part) => `services/${name}/${part}`)
const recipe = (dockerfile: string, parts: readonly string[]): Recipe => ({
  dockerfile,
  madeOf: [dockerfile, ...SHARED, ...parts],
})

const RECIPES: Readonly<Record<EngineName, Recipe>> = {
  sqlite: recipe('infra/docker/worker-sqlite.Dockerfile', [
    ...service('worker'),
    'services/worker/native',
  ]),
  postgres: recipe('infra/docker/worker-postgres.Dockerfile', service('worker-postgres')),
}
const LAST_LINES = 20

/** There is no worker image, and none can be made. */
export class WorkerImageError extends Error {
  readonly buildTail: readonly string[]
  constructor(message: string, buildTail: readonly string[] = [], options?: ErrorOptions) {
    super(message, options)
    this.buildTail = buildTail
  }
}

export interface WorkerImageOptions {
  readonly engine: EngineName
  /** Its name. With a build context, its tag is replaced by a hash of all that goes into the image. */
  readonly image: string
  /** A checkout to build from. */
  readonly buildContext?: string | undefined
  /** That a build begins, and what it prints. */
  readonly onProgress?: (line: string) => void
}

export interface WorkerImage {
  readonly name: string
  readonly id: string
}

/**
 * The image that workers run, built if need be; so that a changed worker never runs from a stale one, those built here
 * are found by what they are made of.
 * @throws WorkerImageError
 */
export async function provideWorkerImage(
  docker: DockerApi,
  { engine, image, buildContext, onProgress = () => {} }: WorkerImageOptions,
): Promise<WorkerImage> {
  if (buildContext === undefined) return present(docker, image)
  const { dockerfile, madeOf } = RECIPES[engine]
  const files = await filesOf(buildContext, madeOf)
  const name = `${repositoryOf(image)}:${await hashOf(buildContext, files)}`
  const id = await docker.imageId(name)
  if (id !== null) return { name, id }
  await build(docker, { name, context: buildContext, files, dockerfile }, onProgress)
  return present(docker, name)
}

/** Without its tag; a colon before the last slash is that of a registry's port. */
function repositoryOf(image: string): string {
  return image.replace(/:[^:/]*$/, '')
}

async function present(docker: DockerApi, name: string): Promise<WorkerImage> {
  const id = await docker.imageId(name)
  if (id === null) throw new WorkerImageError(`there is no image ${name}`)
  return { name, id }
}

async function build(
  docker: DockerApi,
  image: Parameters<DockerApi['build']>[0],
  onProgress: (line: string) => void,
): Promise<void> {
  const last: string[] = []
  onProgress(`building ${image.name}`)
  const onLine = (line: string) => {
    if (last.push(line) > LAST_LINES) last.shift()
    onProgress(line)
  }
  await docker.build(image, onLine).catch((cause) => {
    if (cause instanceof RuntimeUnavailableError) throw cause
    throw new WorkerImageError(`${image.name} cannot be built: ${cause.message}`, last, { cause })
  })
}

async function filesOf(context: string, madeOf: readonly string[]): Promise<string[]> {
  const lists = await Promise.all(madeOf.map((path) => filesAt(context, path)))
  return lists.flat().sort()
}

async function filesAt(context: string, path: string): Promise<string[]> {
  if (!/\/(?:src|native)$/.test(path)) return [path]
  const entries = await readdir(join(context, path), { recursive: true }).catch((cause) => {
    throw new WorkerImageError(`${path} is not there to build from`, [], { cause })
  })
  return entries.filter(isShipped).map((name) => join(path, name))
}

function isShipped(name: string): boolean {
  return (
    /\.(?:ts|c|h|mjs)$/.test(name) &&
    !name.endsWith('.test.ts') &&
    !/^(?:testing|torture)\//.test(name)
  )
}

async function hashOf(context: string, files: readonly string[]): Promise<string> {
  const hash = createHash('sha256')
  for (const file of files) {
    const bytes = await readFile(join(context, file)).catch((cause) => {
      throw new WorkerImageError(`${file} is not there to build from`, [], { cause })
    })
    hash.update(`${file}\0${bytes.length}\0`).update(bytes)
  }
  return hash.digest('hex').slice(0, 12)
}
