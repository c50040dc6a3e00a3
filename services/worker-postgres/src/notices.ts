import type { WorkerNotice } from '@db-forge/contract/wire'
import { FrameType } from '@db-forge/contract/wire/frame'
import type { Listener } from '@db-forge/worker-kit'
import { nowMs } from './clock.ts'

const DISK_FULL_EVERY_MS = 2000

/** What the worker tells of itself unasked, to whoever is connected to its control socket. */
export class Notices {
  listener: Listener | null = null
  #diskFullMs = Number.NEGATIVE_INFINITY

  send(notice: WorkerNotice): void {
    for (const connection of this.listener?.connections ?? [])
      if (connection.greeted) connection.send(FrameType.notice, 0, JSON.stringify(notice))
  }

  /** Of the many statements that may fail for it, one is told of. */
  diskFull(): void {
    if (nowMs() - this.#diskFullMs < DISK_FULL_EVERY_MS) return
    this.#diskFullMs = nowMs()
    this.send({ kind: 'disk.full', detail: 'the volume that holds the database is full' })
  }
}
