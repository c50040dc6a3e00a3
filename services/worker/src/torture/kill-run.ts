import { type KillOptions, runKills as run } from '@db-forge/worker-kit/testing/kill-run'
import { temporaryFolder, WorkerProcess } from '../testing/worker-process.ts'

/** Kills the worker, which is one process. */
export const runKills = (options: KillOptions) =>
  run<WorkerProcess>(
    {
      folder: temporaryFolder,
      start: (dir) => WorkerProcess.start(dir),
      kill: async (worker) => {
        await worker.end('SIGKILL')
        return 'gone'
      },
      insert: 'insert into writes (id, part) values (?, ?)',
      found: 'select id, count(*) from writes where id >= ? group by id',
      integrity: async (link) => {
        const { rows } = await link.query('pragma integrity_check', [], { rowFormat: 'array' })
        return rows.map((row) => String((row as unknown[])[0]))
      },
      loadMs: { least: 15, most: 90 },
    },
    options,
  )
