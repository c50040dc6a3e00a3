import { spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const MIB = 1024 * 1024

/** What stands in the way of tests with a volume of their own; null where nothing does. */
export function volumeAbsence(): string | null {
  if (process.getuid?.() !== 0) return 'only root mounts'
  try {
    new SmallVolume(1).remove()
    return null
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** A volume in memory that fills as quickly as a test wants it to. */
export class SmallVolume {
  readonly dir: string

  constructor(megabytes: number) {
    this.dir = mkdtempSync(join(tmpdir(), 'dbf-vol-'))
    const size = `size=${megabytes}m,mode=755`
    const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', size, 'tmpfs', this.dir])
    if (status === 0) return
    rmSync(this.dir, { recursive: true })
    throw new Error(`a volume cannot be mounted: ${stderr?.toString().trim()}`)
  }

  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.dir)
    return bavail * bsize
  }

  /** Takes all room but so much. */
  fill(leaveBytes: number): void {
    const junk = Buffer.alloc(MIB, 'x')
    const file = openSync(this.#junk, 'a')
    try {
      for (let left = this.freeBytes - leaveBytes; left > 0; left -= MIB)
        writeSync(file, junk, 0, Math.min(MIB, left))
    } catch (error) {
      // Whoever else writes was quicker.
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
    } finally {
      closeSync(file)
    }
  }

  /** Gives back what `fill` took. */
  clear(): void {
    rmSync(this.#junk, { force: true })
  }

  remove(): void {
    spawnSync('umount', ['--lazy', this.dir])
    rmSync(this.dir, { recursive: true, force: true })
  }

  get #junk(): string {
    return join(this.dir, 'junk')
  }
}
