import { isAbsolute } from 'node:path'
import { EXIT } from '@db-forge/contract/wire/exit-codes'
import { StartError } from './start-error.ts'

/** The launch contract: what a worker of any engine is told, by its environment. */
export interface Launch {
  readonly databaseId: string
  /** The one folder that this worker owns. */
  readonly dir: string
  /** Given back in the welcome, so that the gateway sees whether a worker runs with its latest spec. */
  readonly specHash: string
  readonly maxSizeMb: number
  readonly memoryMb: number
  /** In a container, where nothing but the own folder may be visible. */
  readonly contained: boolean
}

export type LaunchEnv = Readonly<Record<string, string | undefined>>

/** Reads a variable, empty if it is not set; what does not fit is a problem, `expected` saying what would. */
export type ReadText = (name: string, fits: (value: string) => boolean, expected: string) => string

/**
 * Read by hand: a schema library would cost each worker 8 to 10 MB of the memory it has.
 * @param readMore what this engine's worker is told besides
 * @throws StartError that names every problem at once.
 */
export function readLaunch<T extends object>(
  engine: string,
  env: LaunchEnv,
  readMore: (text: ReadText) => T,
): Launch & T {
  const problems: string[] = []
  const text: ReadText = (name, fits, expected) => {
    const value = env[name] ?? ''
    if (!fits(value))
      problems.push(`${name} must be ${expected}${value ? `, not ${JSON.stringify(value)}` : ''}`)
    return value
  }
  const positive = (name: string) =>
    Number(text(name, (value) => /^[1-9]\d{0,8}$/.test(value), 'a positive whole number'))
  const databaseId = text(
    'DBFORGE_DATABASE_ID',
    (id) => /^db_[a-z0-9]{12}$/.test(id),
    'a database id (db_…)',
  )
  text('DBFORGE_ENGINE', (name) => name === engine, engine)
  const launch = {
    databaseId,
    dir: text('DBFORGE_DATABASE_DIR', isAbsolute, 'an absolute path'),
    specHash: text(
      'DBFORGE_SPEC_HASH',
      (hash) => /^[\w-]{1,64}$/.test(hash),
      '1 to 64 word characters',
    ),
    maxSizeMb: positive('DBFORGE_MAX_SIZE_MB'),
    memoryMb: positive('DBFORGE_MEMORY_MB'),
    contained: text('DBFORGE_CONTAINED', (flag) => /^[01]?$/.test(flag), '0 or 1') === '1',
    ...readMore(text),
  }
  if (problems.length > 0) throw new StartError(EXIT.configInvalid, problems.join('; '))
  return launch
}
