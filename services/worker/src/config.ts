import { type Launch, type LaunchEnv, readLaunch } from '@db-forge/worker-kit'

export type Config = Launch

/** @throws StartError that names every problem at once. */
export const readConfig = (env: LaunchEnv = process.env): Config =>
  readLaunch('sqlite', env, () => ({}))

/** SQLite asks the environment for the place of its temporary files. */
export function setTempDir(dir: string): void {
  process.env['SQLITE_TMPDIR'] = dir
}
