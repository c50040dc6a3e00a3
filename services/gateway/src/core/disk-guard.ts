import { statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from './app-error.ts'
import { Ballast } from './ballast.ts'
import type { CoreLog } from './telemetry.ts'

const MIB = 1024 * 1024
const LOOK_EVERY_MS = 2000
/** Near the floor. */
const LOOK_OFTEN_MS = 250
/** Never more of a volume than these shares, so that small ones are of use too. */
const FLOOR_SHARE = 0.05
const BALLAST_SHARE = 0.02
/** What was too little is enough again only above this, so that it does not go to and fro. */
const AGAIN = 1.1
/** With less than this share of the floor, or so many bytes, what is left will not do for a recovery. */
const NOTHING_LEFT_SHARE = 0.25
const NOTHING_LEFT_BYTES = 16 * MIB

export interface DiskGuardOptions {
  readonly dataDir: string
  /** What is to stay free; 0 for no floor. */
  readonly floorBytes: number
  readonly ballastBytes: number
  readonly log: CoreLog
}

/** What the guard does with databases. */
export interface DiskHooks {
  /** Whether this gateway sees to the workers. */
  readonly leads: () => boolean
  /** Whether a database that should run does not come up. */
  readonly isAnyStuck: () => boolean
  /** Every worker that is connected is to be told of `readOnly`. */
  readonly onChange: () => void
  /** Room has been made: what could not come up may try again. */
  readonly onRoom: () => void
}

export interface Volume {
  readonly totalBytes: number
  readonly freeBytes: number
  readonly floorBytes: number
  readonly readOnly: boolean
  readonly ballastBytes: number
}

/**
 * Keeps some of the volume free, since a full one is a trap: nothing can be deleted on it, and no worker recovers.
 * Below the floor nothing that grows is taken anywhere; where even that does not help, the ballast gives way. Both are
 * undone by themselves once there is room.
 */
export class DiskGuard {
  readonly #o: DiskGuardOptions
  #ballast: Ballast | null = null
  #floorBytes = 0
  #readOnly = false
  #looking: Promise<void> | null = null
  #timer: NodeJS.Timeout | undefined
  #hooks: DiskHooks | null = null
  #closed = false

  constructor(options: DiskGuardOptions) {
    this.#o = options
  }

  /** Why workers take nothing that grows. */
  get readOnly(): 'disk' | null {
    return this.#readOnly ? 'disk' : null
  }

  /** @throws AppError `disk.full` where nothing new can be taken. */
  refuseIfFull(): void {
    if (this.#readOnly)
      throw new AppError('disk.full', 'No database can be made until there is room again', {
        retryAfterSeconds: 30,
      })
  }

  /** Before anything else is written to the volume: an earlier gateway may have ended because it is full. */
  async open(): Promise<void> {
    const { totalBytes } = await this.#room()
    this.#floorBytes = Math.min(this.#o.floorBytes, Math.floor(totalBytes * FLOOR_SHARE))
    const most = Math.floor((totalBytes * BALLAST_SHARE) / MIB) * MIB
    const ballast = new Ballast(
      join(this.#o.dataDir, 'ballast'),
      Math.min(this.#o.ballastBytes, most),
    )
    this.#ballast = ballast
    await this.look()
  }

  start(hooks: DiskHooks): void {
    this.#hooks = hooks
    void this.#lookAgain()
  }

  close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    return this.#looking ?? Promise.resolve()
  }

  /** To be called whenever a worker has been given no room, or was lost. Never fails. */
  look(): Promise<void> {
    this.#looking ??= this.#look()
      .catch((error: unknown) => this.#o.log.warn({ err: error }, 'the volume cannot be looked at'))
      .finally(() => {
        this.#looking = null
      })
    return this.#looking
  }

  async volume(): Promise<Volume> {
    return {
      ...(await this.#room()),
      floorBytes: this.#floorBytes,
      readOnly: this.#readOnly,
      ballastBytes: this.#ballast?.heldBytes ?? 0,
    }
  }

  async #lookAgain(): Promise<void> {
    await this.look()
    if (this.#closed) return
    const { freeBytes } = await this.#room().catch(() => ({ freeBytes: 0 }))
    const near = this.#readOnly || freeBytes < 2 * this.#floorBytes
    this.#timer = setTimeout(() => void this.#lookAgain(), near ? LOOK_OFTEN_MS : LOOK_EVERY_MS)
    this.#timer.unref()
  }

  async #look(): Promise<void> {
    const ballast = this.#ballast
    if (!ballast) return
    await ballast.look()
    const { freeBytes } = await this.#room()
    // What the ballast will take again is not free.
    const leftBytes = freeBytes - ballast.missingBytes
    const floorBytes = this.#floorBytes * (this.#readOnly ? AGAIN : 1)
    const low = leftBytes < floorBytes && floorBytes > 0
    if (low && !this.#readOnly) this.#set(true, freeBytes)
    if (this.#needsBallast(freeBytes)) await this.#release(ballast, freeBytes)
    else if (this.#mayMake(ballast, leftBytes, low)) this.#make(ballast)
    if (!low && this.#readOnly) this.#set(false, freeBytes)
  }

  #needsBallast(freeBytes: number): boolean {
    const nothing = Math.min(NOTHING_LEFT_BYTES, this.#floorBytes * NOTHING_LEFT_SHARE)
    const stuck = this.#readOnly && this.#hooks?.isAnyStuck() === true
    return freeBytes < Math.max(nothing, MIB) || stuck
  }

  async #release(ballast: Ballast, freeBytes: number): Promise<void> {
    if (!(await ballast.release())) return
    this.#o.log.warn({ freeBytes }, 'the volume is full: the ballast is given up')
    this.#hooks?.onRoom()
  }

  /** One gateway makes it, and none of it where it would be room that is wanted. */
  #mayMake(ballast: Ballast, leftBytes: number, low: boolean): boolean {
    const leads = this.#hooks?.leads() === true
    return leads && !low && !ballast.whole && leftBytes > NOTHING_LEFT_BYTES
  }

  #make(ballast: Ballast): void {
    ballast.make().then(
      () => this.#o.log.info({ heldBytes: ballast.heldBytes }, 'the ballast is there'),
      (error: unknown) => this.#o.log.warn({ err: error }, 'the ballast cannot be made'),
    )
  }

  #set(readOnly: boolean, freeBytes: number): void {
    this.#readOnly = readOnly
    const fields = { freeBytes, floorBytes: this.#floorBytes }
    if (readOnly) this.#o.log.error(fields, 'the volume is nearly full: databases only read')
    else this.#o.log.warn(fields, 'the volume has room again: databases write again')
    this.#hooks?.onChange()
    if (!readOnly) this.#hooks?.onRoom()
  }

  async #room(): Promise<{ totalBytes: number; freeBytes: number }> {
    const { bsize, blocks, bavail } = await statfs(this.#o.dataDir)
    return { totalBytes: bsize * blocks, freeBytes: bsize * bavail }
  }
}
