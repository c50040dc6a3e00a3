import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { log } from '@db-forge/worker-kit'

const LINE = /^\[(\d+)\] ([A-Z]+\d?): {2}(.*)$/
const LEVELS: Readonly<Record<string, 'info' | 'warn' | 'error'>> = {
  WARNING: 'warn',
  ERROR: 'warn',
  FATAL: 'warn',
  PANIC: 'error',
}

/** How a backend that runs out of memory accounts for it, over a hundred lines. */
const MEMORY_ACCOUNT = / total in \d+ blocks; | more child contexts containing /

/** What the kernel says of a full volume, in the words that the server is started with. */
const NO_SPACE = 'No space left on device'

/** The server's own lines become lines of the worker's log. */
export function logLines(stderr: Readable, onDiskFull: () => void): void {
  createInterface({ input: stderr }).on('line', (line) => {
    const [, pid, severity = '', text] = LINE.exec(line) ?? []
    if (text === undefined && MEMORY_ACCOUNT.test(line)) return
    if (text?.includes(NO_SPACE)) onDiskFull()
    if (text === undefined) log('warn', line.slice(0, 2000), { from: 'postgres' })
    else
      log(LEVELS[severity] ?? 'info', text.slice(0, 2000), {
        from: 'postgres',
        severity,
        serverPid: Number(pid),
      })
  })
}
