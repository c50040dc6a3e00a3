import type { WorkerNotice } from '@db-forge/contract/wire'
import { log } from '@db-forge/worker-kit'
import type { Folder } from './folder.ts'
import { type FolderSize, folderSize } from './folder-size.ts'
import type { WorkerState } from './worker-state.ts'

const MB = 1024 * 1024
const LOOK_EVERY_MS = 250
const CHECKPOINT_EVERY_MS = 1000
const WAL_BYTES_MAX = 64 * MB
const DISK_FULL_EVERY_MS = 2000

export interface FolderWatchOptions {
  readonly state: WorkerState
  readonly folder: Folder
  /** Ends the request that has been running longest, and for so long at least; the writer's only where it may. */
  readonly endLongest: (forMs: number, writers: boolean) => void
  readonly notify: (notice: WorkerNotice) => void
  readonly checkpoint: () => void
}

/** The size of the folder: that of the data by its own quota, and what a write-ahead log and spilled queries add. */
export const folderBytesMax = (maxSizeMb: number): number => (2 * maxSizeMb + 64) * MB

/** Looks how large the folder is while something runs, and does something about it. */
export class FolderWatch {
  readonly #options: FolderWatchOptions
  #lookedMs = Number.NEGATIVE_INFINITY
  #checkpointMs = Number.NEGATIVE_INFINITY
  #lastBytes = 0
  #folderLarge = false
  #walLarge = false
  #diskFullMs = Number.NEGATIVE_INFINITY

  constructor(options: FolderWatchOptions) {
    this.#options = options
  }

  /** @returns whether something is to be done about it. */
  look(): boolean {
    const { state } = this.#options
    const now = state.nowMs()
    if (now - this.#lookedMs >= LOOK_EVERY_MS) this.#look(now)
    return this.#folderLarge || this.#walLarge
  }

  /** The limit has changed. */
  lookNow(): void {
    this.#look(this.#options.state.nowMs())
  }

  /** A lane was given no room. */
  diskFull(): void {
    const now = this.#options.state.nowMs()
    if (now - this.#diskFullMs < DISK_FULL_EVERY_MS) return
    this.#diskFullMs = now
    this.#notify({ kind: 'disk.full', detail: 'the volume that holds the database is full' })
  }

  #look(now: number): void {
    const { folder, state } = this.#options
    this.#lookedMs = now
    const size = folderSize(folder)
    this.#folderLarge = size.totalBytes > folderBytesMax(state.maxSizeMb)
    // SQLite itself lets the data grow no further; they are larger where the limit has been lowered.
    const over = this.#folderLarge || size.mainBytes > state.maxSizeMb * MB
    this.#tellOfWal(size)
    this.#tellOfQuota(size, over)
    if (over || this.#walLarge) this.#checkpoint(now)
    // A writer may be making room.
    if (this.#folderLarge)
      this.#options.endLongest(LOOK_EVERY_MS, size.totalBytes > this.#lastBytes)
    this.#lastBytes = size.totalBytes
  }

  #tellOfWal({ walBytes }: FolderSize): void {
    const large = walBytes > WAL_BYTES_MAX
    if (large === this.#walLarge) return
    this.#walLarge = large
    const detail = large
      ? 'the write-ahead log is large; a query or transaction that has been open for long may keep it from being reused'
      : 'the write-ahead log is small again'
    this.#notify({ kind: large ? 'wal.large' : 'wal.ok', detail, bytes: walBytes })
  }

  #tellOfQuota({ totalBytes }: FolderSize, over: boolean): void {
    const { state } = this.#options
    if (over === state.overQuota) return
    state.overQuota = over
    const detail = over
      ? `the database takes more room than its ${state.maxSizeMb} MiB allow; nothing that grows is taken`
      : "the database's folder has room again"
    this.#notify({ kind: over ? 'quota.exceeded' : 'quota.ok', detail, bytes: totalBytes })
  }

  #notify(notice: WorkerNotice): void {
    log(notice.kind.endsWith('.ok') ? 'info' : 'warn', notice.detail, {
      kind: notice.kind,
      bytes: notice.bytes,
    })
    this.#options.notify(notice)
  }

  #checkpoint(now: number): void {
    if (now - this.#checkpointMs < CHECKPOINT_EVERY_MS) return
    this.#checkpointMs = now
    this.#options.checkpoint()
  }
}
