import type { Victim } from '@db-forge/worker-kit/testing/kill-run'
import { WorkerProcess } from '../testing/worker-process.ts'

/** By turns the worker is killed and its server, with which it ends. */
export const victim: Victim = {
  start: (dir) => WorkerProcess.start(dir),
  async kill(worker, nth) {
    if (!(worker instanceof WorkerProcess)) throw new Error('another worker')
    if (nth % 2 === 0) return worker.end('SIGKILL')
    process.kill(worker.serverPid, 'SIGKILL')
    return worker.exited
  },
  insert: 'insert into writes (id, part) values ($1, $2)',
  found: 'select id, count(*) from writes where id >= $1 group by id',
  // Reads every page, and the server holds each against its checksum.
  check: "select 'ok' from (select count(*), sum(id) from writes) as all_of_it",
}
