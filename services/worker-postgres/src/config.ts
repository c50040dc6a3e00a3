import { isAbsolute } from 'node:path'
import { type Launch, type LaunchEnv, readLaunch } from '@db-forge/worker-kit'

export interface Config extends Launch {
  /** The folder of PostgreSQL's programs, where not to be searched for. */
  readonly binDir: string | null
  /** A folder that keeps data directories fresh from initdb, to be copied. */
  readonly templatesDir: string | null
  /** Whom to become when started as root. */
  readonly user: string | null
}

/** @throws StartError that names every problem at once. */
export function readConfig(env: LaunchEnv = process.env): Config {
  return readLaunch('postgres', env, (text) => {
    const optionalPath = (name: string) =>
      text(name, (value) => value === '' || isAbsolute(value), 'an absolute path') || null
    return {
      binDir: optionalPath('DBFORGE_POSTGRES_BIN'),
      templatesDir: optionalPath('DBFORGE_POSTGRES_TEMPLATES'),
      user:
        text('DBFORGE_USER', (name) => /^[\w-]{0,64}$/.test(name), 'the name of a user') || null,
    }
  })
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
