import type { DatabaseId, Job } from '@db-forge/contract'
import { AppError } from './app-error.ts'
import type { Databases } from './databases.ts'
import type { PurgeInput } from './job-kinds.ts'
import type { Jobs } from './jobs.ts'

/** What is done to databases as jobs. Each begins one, which goes on whether or not somebody waits for it. */
export class DatabaseJobs {
  readonly #databases: Databases
  readonly #jobs: Jobs

  constructor(databases: Databases, jobs: Jobs) {
    this.#databases = databases
    this.#jobs = jobs
  }

  async restart(name: string): Promise<Job> {
    return await this.#jobs.submit('restart', this.#databases.requireRunning(name))
  }

  async purge(name: string, id?: DatabaseId): Promise<Job> {
    const doomed = this.#databases.doomed(name, id)
    const [subject] = doomed
    if (!subject) throw new AppError('database.not_found', `“${name}”`)
    const input: PurgeInput = { ids: doomed.map((row) => row.id) }
    return await this.#jobs.submit('purge', subject, input)
  }
}
