import { spawn } from 'node:child_process'
import { access, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Absence } from './needs.ts'

const FAMILY = '/usr/lib/postgresql'

/** PostgreSQL's own client programs, as a user has them. */
interface PostgresTools {
  readonly absence: Absence
  run(tool: Tool, args: readonly string[], options?: ToolOptions): Promise<Finished>
  /** Starts one that is to be interrupted. */
  start(tool: Tool, args: readonly string[], options?: ToolOptions): Running
}

type Tool = 'psql' | 'pg_dump' | 'pgbench'

interface ToolOptions {
  readonly input?: string
  readonly env?: Readonly<Record<string, string>>
}

interface Finished {
  readonly code: number | null
  readonly out: string
  readonly problems: string
}

interface Running {
  readonly finished: Promise<Finished>
  interrupt(): void
}

export async function findPostgresTools(): Promise<PostgresTools> {
  const found: Partial<Record<Tool, string>> = {}
  for (const tool of ['psql', 'pg_dump', 'pgbench'] as const) {
    const path = await find(tool)
    if (path) found[tool] = path
  }
  const missing = (['psql', 'pg_dump', 'pgbench'] as const).filter((tool) => !found[tool])
  const start: PostgresTools['start'] = (tool, args, options = {}) =>
    launch(found[tool] ?? tool, args, options)
  return {
    absence: missing.length > 0 ? `there is no ${missing.join(', no ')}` : null,
    start,
    run: (tool, args, options) => start(tool, args, options).finished,
  }
}

/** On the path, or where Debian puts what is not for everybody. */
async function find(tool: Tool): Promise<string | undefined> {
  const majors = (await readdir(FAMILY).catch(() => [])).sort((a, b) => Number(b) - Number(a))
  const folders = [
    ...majors.map((major) => join(FAMILY, major, 'bin')),
    ...(process.env['PATH'] ?? '').split(':'),
  ]
  for (const folder of folders) {
    const path = join(folder, tool)
    if (
      await access(path).then(
        () => true,
        () => false,
      )
    )
      return path
  }
  return undefined
}

function launch(program: string, args: readonly string[], { input = '', env }: ToolOptions) {
  const child = spawn(program, args, { env: { ...process.env, PGCONNECT_TIMEOUT: '15', ...env } })
  let out = ''
  let problems = ''
  child.stdout.on('data', (chunk) => {
    out += chunk
  })
  child.stderr.on('data', (chunk) => {
    problems += chunk
  })
  child.stdin.on('error', () => undefined)
  child.stdin.end(input)
  const finished = new Promise<Finished>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, out, problems }))
  })
  return { finished, interrupt: () => void child.kill('SIGINT') }
}
