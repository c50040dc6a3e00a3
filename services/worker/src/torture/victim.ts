import type { Victim } from '@db-forge/worker-kit/testing/kill-run'
import { WorkerProcess } from '../testing/worker-process.ts'

export const victim: Victim = {
  start: (dir) => WorkerProcess.start(dir),
  kill: (process) => process.end('SIGKILL'),
  insert: 'insert into writes (id, part) values (?, ?)',
  found: 'select id, count(*) from writes where id >= ? group by id',
  check: 'pragma integrity_check',
}
