import { spawnSync } from 'node:child_process'
import { closeSync, openSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { EXIT, log, StartError } from '@db-forge/worker-kit'
import type { Folder } from './folder.ts'

/** How long a predecessor may take to die. */
const WAIT_MS = 2000
const TRY_EVERY_MS = 50
const BUSY = 1
/** How long a server takes to end that is told to do so at once. */
const ORPHAN_MS = 300

export interface FolderLock {
  /** To be inherited by the server: the lock is then held until the last of its processes is gone. */
  readonly fd: number
  release(): void
}

/**
 * Makes this process and its server the only ones of a folder. `flock` locks an open file that it inherits, and
 * whoever else inherits it holds the lock too; the kernel releases it once all of them have ended, however they did,
 * and it holds across containers that share the folder.
 * @throws StartError if others do not let go in time.
 */
export async function lockFolder(folder: Folder, waitMs = WAIT_MS): Promise<FolderLock> {
  const fd = openSync(folder.lock, 'a', 0o660)
  const lock = { fd, release: () => closeSync(fd) }
  const taken = await locks(fd, waitMs)
  if (taken === 'yes') return lock
  if (endOrphan(folder)) {
    await sleep(ORPHAN_MS)
    if (taken === 'unknown' || (await locks(fd, waitMs)) === 'yes') return lock
  } else if (taken === 'unknown') return lock
  closeSync(fd)
  throw new StartError(EXIT.folderInUse, `another worker holds ${folder.lock}`)
}

async function locks(fd: number, waitMs: number): Promise<'yes' | 'no' | 'unknown'> {
  for (const until = performance.now() + waitMs; ; await sleep(TRY_EVERY_MS)) {
    const { status, error } = spawnSync('flock', ['-n', '3'], {
      stdio: ['ignore', 'ignore', 'ignore', fd],
    })
    if (error) {
      log('warn', 'there is no flock here; only PostgreSQL itself guards the folder')
      return 'unknown'
    }
    if (status !== BUSY) return 'yes'
    if (performance.now() >= until) return 'no'
  }
}

/** A server whose worker was killed where the kernel does not end it with its parent. */
function endOrphan(folder: Folder): boolean {
  try {
    const pid = Number.parseInt(readFileSync(join(folder.data, 'postmaster.pid'), 'utf8'), 10)
    const parent = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[1]
    if (parent !== '1' || readlinkSync(`/proc/${pid}/cwd`) !== folder.data) return false
    log('warn', 'a server without a worker is ended', { serverPid: pid })
    process.kill(pid, 'SIGQUIT')
    return true
  } catch {
    return false
  }
}
