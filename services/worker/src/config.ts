import { isAbsolute } from 'node:path'
import { EXIT, StartError } from '@db-forge/worker-kit'

/** The launch contract: everything a worker is told, by its environment. */
export interface Config {
  readonly databaseId: string
  readonly engine: 'sqlite'
  /** The one folder that this worker owns. */
  readonly dir: string
  /** Given back in the welcome, so that the gateway sees whether a worker runs with its latest spec. */
  readonly specHash: string
  readonly maxSizeMb: number
  readonly memoryMb: number
  /** In a container, where nothing but the own folder may be visible. */
  readonly contained: boolean
}

type Env = Readonly<Record<string, string | undefined>>

/**
 * Read by hand: a schema library would cost each worker 8 to 10 MB of the 64 it has.
 * @throws StartError that names every problem at once.
 */
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
  const config: Config = {
    databaseId: text(
      'DBFORGE_DATABASE_ID',
      (id) => /^db_[a-z0-9]{12}$/.test(id),
      'a database id (db_…)',
    ),
    engine: text('DBFORGE_ENGINE', (name) => name === 'sqlite', 'sqlite') as 'sqlite',
    dir: text('DBFORGE_DATABASE_DIR', isAbsolute, 'an absolute path'),
    specHash: text(
      'DBFORGE_SPEC_HASH',
      (hash) => /^[\w-]{1,64}$/.test(hash),
      '1 to 64 word characters',
    ),
    maxSizeMb: positive('DBFORGE_MAX_SIZE_MB'),
    memoryMb: positive('DBFORGE_MEMORY_MB'),
    contained: text('DBFORGE_CONTAINED', (flag) => /^[01]?$/.test(flag), '0 or 1') === '1',
  }
  if (problems.length > 0) throw new StartError(EXIT.configInvalid, problems.join('; '))
  return config
}

/** SQLite asks the environment for the place of its temporary files. */
export function setTempDir(dir: string): void {
  process.env['SQLITE_TMPDIR'] = dir
}
