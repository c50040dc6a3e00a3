import { spawn } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { programEnv } from '../config.ts'
import { type Binaries, findBinaries } from './binaries.ts'
import { CLUSTER_SETUP, DATABASE_AT_FIRST, DATABASE_SETUP, PLATFORM } from './roles.ts'

/** Makes a data directory with the platform's roles and one empty database. */
export async function initialize(data: string, binaries: Binaries): Promise<void> {
  await run(join(binaries.dir, 'initdb'), ['-D', data, ...initdbOptions(binaries.major)])
  await runSingle(binaries, data, 'template1', CLUSTER_SETUP)
  await runSingle(binaries, data, DATABASE_AT_FIRST, DATABASE_SETUP)
}

/**
 * The data directory to be copied for a new database, made if it is not there yet.
 * @throws Error if it is missing and cannot be made in this folder.
 */
export async function template(templatesDir: string, binaries: Binaries): Promise<string> {
  const path = join(templatesDir, templateName(binaries))
  if (existsSync(path)) return path
  await mkdir(templatesDir, { recursive: true })
  const fresh = join(templatesDir, `.${randomUUID()}`)
  try {
    await initialize(fresh, binaries)
    await rename(fresh, path)
  } catch (error) {
    await rm(fresh, { recursive: true, force: true })
    // Another worker was faster.
    if (!existsSync(path)) throw error
  }
  return path
}

function templateName(binaries: Binaries): string {
  const made = JSON.stringify([initdbOptions(binaries.major), CLUSTER_SETUP, DATABASE_SETUP])
  return `${binaries.version}-${createHash('sha256').update(made).digest('hex').slice(0, 12)}`
}

/** Text is sorted by code points everywhere alike: no index depends on a machine's C library. */
function initdbOptions(major: number): string[] {
  const locale =
    major >= 17
      ? ['--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8']
      : ['--locale=C.UTF-8']
  return [
    ...['-U', PLATFORM, '--auth=reject', '--encoding=UTF8', '--data-checksums', '--wal-segsize=4'],
    ...['--no-instructions', '--lc-messages=C', ...locale],
  ]
}

/** Without a server: each statement is run alone, and the first that fails ends it. */
function runSingle(
  binaries: Binaries,
  data: string,
  database: string,
  statements: readonly string[],
): Promise<void> {
  return run(
    join(binaries.dir, 'postgres'),
    [
      '--single',
      '-j',
      '-D',
      data,
      '-c',
      'exit_on_error=on',
      '-c',
      'log_min_messages=warning',
      database,
    ],
    statements.map((sql) => `${sql};\n\n`).join(''),
  )
}

function run(program: string, args: readonly string[], input = ''): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ['pipe', 'ignore', 'pipe'],
      env: programEnv(),
    })
    let said = ''
    child.stderr.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-4000)
    })
    child.on('error', reject)
    child.stdin.on('error', () => undefined)
    child.on('close', (code) => {
      if (code === 0) resolve()
      else reject(new Error(`${program} ended with ${code}: ${said.trim()}`))
    })
    child.stdin.end(input)
  })
}

/** Makes the template of the machine's PostgreSQL beforehand, as an image does when it is built. */
export async function prepareTemplate(
  templatesDir: string,
  binDir: string | null,
): Promise<string> {
  return template(templatesDir, findBinaries({ dir: binDir, major: null }))
}
