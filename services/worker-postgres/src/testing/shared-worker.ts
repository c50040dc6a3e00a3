import type { Link } from '@db-forge/worker-kit/testing/link'
import { afterAll, beforeAll } from 'vitest'
import { temporaryFolder, WorkerProcess } from './worker-process.ts'

export interface SharedWorker {
  worker: WorkerProcess
  link: Link
  control: Link
  /** First cell of the first row. */
  value(sql: string, params?: unknown, options?: object): Promise<unknown>
}

/** One worker for all tests of a file. */
export function sharedWorker(): SharedWorker {
  const folder = temporaryFolder()
  const shared = {
    value: async (sql: string, params?: unknown, options: object = {}) => {
      const { rows } = await shared.link.query(sql, params, { rowFormat: 'array', ...options })
      return (rows[0] as unknown[] | undefined)?.[0]
    },
  } as SharedWorker
  beforeAll(async () => {
    shared.worker = await WorkerProcess.start(folder.dir)
    shared.link = await shared.worker.sql()
    shared.control = await shared.worker.control()
  })
  afterAll(async () => {
    await shared.worker?.end()
    folder.remove()
  })
  return shared
}
