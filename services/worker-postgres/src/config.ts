import { isAbsolute } from 'node:path'
import { EXIT, StartError } from '@db-forge/worker-kit'

/** The launch contract: everything a worker is told, by its environment. */
export interface Config {
  readonly databaseId: string
  /** The one folder that this worker owns. */
  readonly dir: string
  /** Given back in the welcome, so that the gateway sees whether a worker runs with its latest spec. */
  readonly specHash: string
  readonly maxSizeMb: number
  readonly memoryMb: number
  /** In a container, where nothing but the own folder may be visible. */
  readonly contained: boolean
  /** The folder of PostgreSQL's programs, where not to be searched for. */
  readonly binDir: string | null
  /** A folder that keeps data directories fresh from initdb, to be copied. */
  readonly templatesDir: string | null
  /** Whom to become when started as root. */
  readonly user: string | null
}

type Env = Readonly<Record<string, string | undefined>>

/** @throws StartError that names every problem at once. */
export function readConfig(env: Env = process.env): Config {
  const problems: string[] = []
  const text = (name: string, fits: (value: string) => boolean, expected: string) => {
    const value = env[name] ?? ''
    if (!fits(value))
      problems.push(`${name} must be ${expected}${value ? `, not ${JSON.stringify(value)}` : ''}`)
    return value
  }
  const positive = (name: string) =>
    Number(text(name, (value) => /^[1-9]\d{0,8}$/.test(value), 'a positive whole number'))
  const optionalPath = (name: string) =>
    text(name, (value) => value === '' || isAbsolute(value), 'an absolute path') || null
  text('DBFORGE_ENGINE', (name) => name === 'postgres', 'postgres')
  const config: Config = {
    databaseId: text(
      'DBFORGE_DATABASE_ID',
      (id) => /^db_[a-z0-9]{12}$/.test(id),
      'a database id (db_…)',
    ),
    dir: text('DBFORGE_DATABASE_DIR', isAbsolute, 'an absolute path'),
    specHash: text(
      'DBFORGE_SPEC_HASH',
      (hash) => /^[\w-]{1,64}$/.test(hash),
      '1 to 64 word characters',
    ),
    maxSizeMb: positive('DBFORGE_MAX_SIZE_MB'),
    memoryMb: positive('DBFORGE_MEMORY_MB'),
    contained: text('DBFORGE_CONTAINED', (flag) => /^[01]?$/.test(flag), '0 or 1') === '1',
    binDir: optionalPath('DBFORGE_POSTGRES_BIN'),
    templatesDir: optionalPath('DBFORGE_POSTGRES_TEMPLATES'),
    user: text('DBFORGE_USER', (name) => /^[\w-]{0,64}$/.test(name), 'the name of a user') || null,
  }
  if (problems.length > 0) throw new StartError(EXIT.configInvalid, problems.join('; '))
  return config
}

/** Where programs are looked for. */
export const searchPath = (): string[] =>
  (process.env['PATH'] ?? '').split(':').filter((dir) => dir !== '')

/** All that PostgreSQL's programs are told of the environment. */
export const programEnv = (): NodeJS.ProcessEnv => ({
  PATH: process.env['PATH'],
  LC_ALL: 'C',
  TZ: 'UTC',
})
