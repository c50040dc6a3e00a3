import { readdirSync, readFileSync } from 'node:fs'
import { type KillOptions, runKills as run } from '@db-forge/worker-kit/testing/kill-run'
import type { Link } from '@db-forge/worker-kit/testing/link'
import { temporaryFolder, WorkerProcess } from './worker-process.ts'

/** Kills the server, one of its backends and the worker, in turn. */
export const runKills = (options: KillOptions) =>
  run<WorkerProcess>(
    {
      folder: temporaryFolder,
      start: (dir) => WorkerProcess.start(dir),
      kill: async (worker, nth, random) => {
        if (nth % 3 === 1) {
          killOne(backendsOf(worker.serverPid), random)
          return 'goes on'
        }
        if (nth % 3 === 0) process.kill(worker.serverPid, 'SIGKILL')
        else worker.child.kill('SIGKILL')
        await worker.exited
        return 'gone'
      },
      insert: 'insert into writes (id, part) values ($1, $2)',
      found: 'select id, count(*) from writes where id >= $1 group by id',
      integrity,
      loadMs: { least: 100, most: 300 },
    },
    options,
  )

function killOne(pids: readonly number[], random: () => number): void {
  const pid = pids[Math.floor(random() * pids.length)]
  if (pid === undefined) throw new Error('there is no backend to kill')
  process.kill(pid, 'SIGKILL')
}

/** Those that run the load's statements. */
function backendsOf(serverPid: number): number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return pids
    .filter((pid) => read(`/proc/${pid}/stat`).split(') ')[1]?.split(' ')[1] === `${serverPid}`)
    .filter((pid) => read(`/proc/${pid}/cmdline`).startsWith('postgres: owner_session'))
    .map(Number)
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** The index and the table say the same; each page that is read is checked against its checksum by the server. */
async function integrity(link: Link): Promise<string[]> {
  const sum = { sql: 'select count(*), sum(id), sum(part) from writes where id >= 0' }
  const { results } = await link.batch([
    { sql: 'set local enable_seqscan = off' },
    sum,
    { sql: 'set local enable_seqscan = on' },
    { sql: 'set local enable_indexscan = off' },
    { sql: 'set local enable_bitmapscan = off' },
    sum,
  ])
  const [byIndex, byTable] = [1, 5].map((at) => JSON.stringify(results[at]?.rows))
  return [byIndex === byTable ? 'ok' : `by index ${byIndex}, by table ${byTable}`]
}
