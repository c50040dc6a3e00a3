import type { DatabaseId } from '@db-forge/contract'
import type { WorkerNotice } from '@db-forge/contract/wire'
import { LinkDownError } from './link-errors.ts'
import { TICK_MS, WorkerLink } from './worker-link.ts'

export interface WorkerLinksOptions {
  readonly runDirOf: (id: DatabaseId) => string
  /** A worker that had been connected is no longer. */
  readonly onDown: (id: DatabaseId, cause: Error) => void
  readonly onNotice?: (id: DatabaseId, notice: WorkerNotice) => void
  /** A worker has given no sign of life for long. */
  readonly onSilent?: (id: DatabaseId) => void
  readonly connectTimeoutMs?: number
}

/** This process was held up when a tick comes so late. */
const LATE_TICK_MS = 2.5 * TICK_MS

/** A link to each worker, opened at the first request and kept; and the one clock that all of them go by. */
export class WorkerLinks {
  readonly #o: Required<WorkerLinksOptions>
  readonly #open = new Map<DatabaseId, WorkerLink>()
  readonly #opening = new Map<DatabaseId, Promise<WorkerLink>>()
  readonly #busy = new Set<WorkerLink>()
  #ticker: NodeJS.Timeout | undefined
  #tickedAt = 0
  #closed = false

  constructor(options: WorkerLinksOptions) {
    this.#o = { connectTimeoutMs: 2000, onNotice: () => {}, onSilent: () => {}, ...options }
  }

  /** The link that is open now; undefined if `connect` must be called. */
  current(id: DatabaseId): WorkerLink | undefined {
    return this.#open.get(id)
  }

  /** @throws LinkDownError */
  connect(id: DatabaseId): Promise<WorkerLink> {
    const open = this.#open.get(id)
    if (open) return Promise.resolve(open)
    const opening = this.#opening.get(id) ?? this.#connect(id)
    this.#opening.set(id, opening)
    return opening
  }

  /** Forgets the link, without telling `onDown`: the caller knows why it ends. */
  drop(id: DatabaseId): void {
    const link = this.#open.get(id)
    this.#open.delete(id)
    link?.close('the worker is being stopped')
  }

  /** How many workers have fallen silent. */
  get openCircuits(): number {
    let count = 0
    for (const link of this.#open.values()) if (link.circuitOpen) count += 1
    return count
  }

  close(): void {
    this.#closed = true
    for (const id of [...this.#open.keys()]) this.drop(id)
    clearInterval(this.#ticker)
  }

  async #connect(id: DatabaseId): Promise<WorkerLink> {
    try {
      const link = await WorkerLink.open({
        runDir: this.#o.runDirOf(id),
        databaseId: id,
        connectTimeoutMs: this.#o.connectTimeoutMs,
        keepTicking: (busy) => this.#keepTicking(busy),
        onDown: (lost, cause) => this.#onDown(id, lost, cause),
        onNotice: (notice) => this.#o.onNotice(id, notice),
        onSilent: () => this.#o.onSilent(id),
      })
      if (this.#closed) link.close('the gateway is stopping')
      if (link.closed) throw new LinkDownError('the worker hung up', false)
      this.#open.set(id, link)
      return link
    } finally {
      this.#opening.delete(id)
    }
  }

  #onDown(id: DatabaseId, lost: WorkerLink, cause: Error): void {
    if (this.#open.get(id) !== lost) return
    this.#open.delete(id)
    if (!this.#closed) this.#o.onDown(id, cause)
  }

  #keepTicking(link: WorkerLink): void {
    this.#busy.add(link)
    if (this.#ticker) return
    this.#tickedAt = performance.now()
    this.#ticker = setInterval(() => this.#tick(), TICK_MS)
    this.#ticker.unref()
  }

  #tick(): void {
    const now = performance.now()
    const late = now - this.#tickedAt > LATE_TICK_MS
    this.#tickedAt = now
    for (const link of this.#busy) if (!link.onTick(late)) this.#busy.delete(link)
    if (this.#busy.size > 0) return
    clearInterval(this.#ticker)
    this.#ticker = undefined
  }
}
