import type { Job } from '@db-forge/contract'
import { AppError } from './app-error.ts'
import type { Databases } from './databases.ts'
import type { Jobs } from './jobs.ts'

/** What is done to databases as jobs. Each begins one, which goes on whether or not somebody waits for it. */
export class DatabaseJobs {
  readonly #databases: Databases
  readonly #jobs: Jobs

  constructor(databases: Databases, jobs: Jobs) {
    this.#databases = databases
    this.#jobs = jobs
  }

  restart(name: string): Promise<Job> {
    const row = this.#databases.require(name)
    if (row.desired !== 'running')
      throw new AppError('database.stopped', `“${row.name}” is ${row.desired}; start it instead`)
    return this.#jobs.submit('restart', row)
  }

  purge(name: string): Promise<Job> {
    return this.#jobs.submit('purge', this.#databases.require(name))
  }
}
