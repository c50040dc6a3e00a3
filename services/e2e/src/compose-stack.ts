import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Client, createClient } from '@db-forge/client'
import { command, repository } from './command.ts'
import { fetchAs } from './fetch-as.ts'
import { freePort } from './free-port.ts'

const PREFIX = 'db-forge-e2e-'

/** What `docker inspect` says of a container, as far as it is looked at here. */
export interface Inspected {
  readonly Id: string
  readonly Name: string
  readonly State: { readonly Status: string; readonly StartedAt: string; readonly Health?: object }
  readonly Config: {
    readonly User: string
    readonly Labels: Readonly<Record<string, string>>
  }
  readonly HostConfig: Readonly<Record<string, unknown>>
  readonly NetworkSettings: {
    readonly Networks: object
    readonly Ports: Readonly<Record<string, readonly { HostIp: string; HostPort: string }[] | null>>
  }
  readonly Mounts: readonly {
    readonly Type: string
    readonly Source: string
    readonly Destination: string
    readonly RW: boolean
  }[]
}

/**
 * The stack of docker-compose.yml as it is, but under a project, port, images, volume and secrets folder of its own,
 * and with a Traefik that sees this stack alone.
 */
export class ComposeStack {
  readonly project = `${PREFIX}${process.pid}`
  readonly folder: string
  readonly port: number
  /** Where PostgreSQL clients connect. */
  readonly pgPort: number

  private constructor(folder: string, port: number, pgPort: number) {
    this.folder = folder
    this.port = port
    this.pgPort = pgPort
  }

  static async create(): Promise<ComposeStack> {
    await removeLeftovers()
    const folder = await mkdtemp(join(tmpdir(), 'dbf-e2e-'))
    const stack = new ComposeStack(folder, await freePort(), await freePort())
    await stack.#writeOverrides()
    return stack
  }

  /** `docker compose up`, and what it needs built before, until all of it is healthy. */
  async up(): Promise<void> {
    await this.compose('up', '--build', '--detach', '--wait', '--quiet-pull')
    await this.serves()
  }

  /** Waits until Traefik has found both services. */
  async serves(): Promise<void> {
    const deadline = Date.now() + 60_000
    const pages = { 'db.localhost': '/health/ready', 'frontend.db.localhost': '/sign-in' }
    for (const [host, path] of Object.entries(pages))
      while (!(await this.fetch(host, path).then(isOk, () => false))) {
        if (Date.now() > deadline) throw new Error(`${host} is not served\n${await this.logs()}`)
        await new Promise((resolve) => setTimeout(resolve, 200))
      }
  }

  compose(...args: string[]): Promise<string> {
    const files = ['docker-compose.yml', join(this.folder, 'override.json')]
    const options = [
      '--project-name',
      this.project,
      '--env-file',
      '/dev/null',
      '--progress',
      'quiet',
    ]
    return command(
      'docker',
      ['compose', ...options, ...files.flatMap((file) => ['--file', file]), ...args],
      {
        env: {
          DBFORGE_WEB_PORT: String(this.port),
          DBFORGE_PG_PORT: String(this.pgPort),
          DBFORGE_ADMIN_TOKEN: '',
          DBFORGE_LOG_LEVEL: '',
        },
      },
    )
  }

  fetch(host: string, path: string, init?: RequestInit): Promise<Response> {
    return fetchAs(`${host}:${this.port}`)(`${this.url}${path}`, init)
  }

  async client(): Promise<Client> {
    const as = fetchAs(`db.localhost:${this.port}`)
    return createClient({ baseUrl: this.url, token: await this.token(), fetch: as })
  }

  /** Where Traefik listens. */
  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  get tokenPath(): string {
    return join(this.folder, 'secrets/admin-token')
  }

  async token(): Promise<string> {
    return (await readFile(this.tokenPath, 'utf8')).trim()
  }

  /** The containers that compose started. */
  async services(): Promise<Inspected[]> {
    return inspect((await this.compose('ps', '--all', '--quiet')).split('\n').filter(Boolean))
  }

  /** The containers that the gateway started. */
  async workers(): Promise<Inspected[]> {
    return inspect(await workersOf(this.project))
  }

  logs(): Promise<string> {
    return this.compose('logs', '--no-color', '--no-log-prefix')
  }

  async remove(): Promise<void> {
    await removeProject(this.project)
    await rm(this.folder, { recursive: true, force: true })
  }

  async #writeOverrides(): Promise<void> {
    const image = (name: string) => `${this.project}/${name}`
    const labels = { 'dev.dbforge.stack': this.project }
    const traefik = await readFile(join(repository, 'traefik/traefik.yml'), 'utf8')
    const own = traefik.replace('`db-forge`', `\`${this.project}\``)
    if (own === traefik) throw new Error('traefik.yml does not name the stack that it serves')
    const services = {
      traefik: { volumes: [`${join(this.folder, 'traefik.yml')}:/etc/traefik/traefik.yml:ro`] },
      gateway: {
        image: image('gateway'),
        environment: {
          DBFORGE_WORKER_IMAGE_SQLITE: image('worker-sqlite'),
          DBFORGE_WORKER_IMAGE_POSTGRES: image('worker-postgres'),
        },
        volumes: [`${join(this.folder, 'secrets')}:/secrets`],
        labels,
      },
      frontend: { image: image('frontend'), labels },
      'worker-sqlite': { image: image('worker-sqlite') },
      'worker-postgres': { image: image('worker-postgres') },
    }
    await mkdir(join(this.folder, 'secrets'))
    await writeFile(join(this.folder, 'traefik.yml'), own)
    await writeFile(join(this.folder, 'override.json'), JSON.stringify({ services }))
  }
}

const isOk = ({ ok }: Response) => ok

async function inspect(names: readonly string[]): Promise<Inspected[]> {
  if (names.length === 0) return []
  return JSON.parse(await command('docker', ['inspect', ...names]))
}

async function lines(...args: string[]): Promise<string[]> {
  return (await command('docker', args)).split('\n').filter(Boolean)
}

function workersOf(project: string): Promise<string[]> {
  const images = ['worker-sqlite', 'worker-postgres'].flatMap((name) => [
    '--filter',
    `ancestor=${project}/${name}`,
  ])
  return lines('ps', '--all', '--quiet', ...images)
}

/** The gateway goes first, as it would start its workers again. Compose knows neither them nor their images. */
async function removeProject(project: string): Promise<void> {
  await command('docker', ['compose', '--project-name', project, 'down', '--timeout', '10'])
  const workers = await workersOf(project)
  if (workers.length > 0) await command('docker', ['rm', '--force', ...workers])
  await command('docker', ['compose', '--project-name', project, 'down', '--volumes'])
  const images = await lines('images', '--quiet', '--filter', `reference=${project}/*`)
  if (images.length > 0) await command('docker', ['rmi', '--force', ...new Set(images)])
}

/** Stacks of earlier runs that were killed before they could remove them. */
async function removeLeftovers(): Promise<void> {
  const volumes = await lines('volume', 'ls', '--format', '{{.Name}}', '--filter', `name=${PREFIX}`)
  for (const name of volumes) {
    const [project, pid] = name.match(/^db-forge-e2e-(\d+)(?=_)/) ?? []
    if (project && !isAlive(Number(pid))) await removeProject(project)
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
