import { isOver } from '@db-forge/contract'
import type { JobPatchRow, JobRepo, JobRow } from '../store/metadata-store.ts'

const PROGRESS_EVERY_MS = 250

/** What the work of a job is given to tell how it goes, and to be told to end. */
export interface JobContext {
  /** Aborts when the job is cancelled, or is no longer this gateway's to run. */
  readonly signal: AbortSignal
  phase(name: string): void
  progress(done: number, total: number | null, unit: string | null): void
}

/** One execution of a job: the only writer of its row for as long as it owns that. */
export class JobRun implements JobContext {
  readonly #repo: JobRepo
  readonly #onChange: (row: JobRow) => void
  readonly #onFailure: (error: unknown) => void
  readonly #abort = new AbortController()
  #row: JobRow
  #writes: Promise<void> = Promise.resolve()
  #next: JobPatchRow | null = null
  #timer: NodeJS.Timeout | undefined
  #isSuspended = false
  #isLost = false

  constructor(
    row: JobRow,
    repo: JobRepo,
    onChange: (row: JobRow) => void,
    onFailure: (error: unknown) => void,
  ) {
    this.#row = row
    this.#repo = repo
    this.#onChange = onChange
    this.#onFailure = onFailure
  }

  get row(): JobRow {
    return this.#row
  }

  get signal(): AbortSignal {
    return this.#abort.signal
  }

  /** Whoever is the one to run it next runs it again. */
  get isSuspended(): boolean {
    return this.#isSuspended || this.#isLost
  }

  /** False when somebody else has it by now, or it is over. */
  async begin(owner: string, now: Date): Promise<boolean> {
    const begun = this.#repo.update(this.#row.id, this.#row.revision, {
      state: 'running',
      owner,
      startedAt: now.toISOString(),
      phase: null,
      done: null,
      total: null,
      unit: null,
    })
    // What else there is to write comes after this.
    this.#writes = begun.then(
      (row) => {
        if (row) this.#changed(row)
        else this.#isLost = true
      },
      () => {},
    )
    return (await begun) !== null
  }

  phase(name: string): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const patch = { ...this.#next, phase: name, done: null, total: null, unit: null }
    this.#next = null
    void this.#write(patch)
  }

  progress(done: number, total: number | null, unit: string | null): void {
    this.#next = { done, total, unit }
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      void this.#flush()
    }, PROGRESS_EVERY_MS)
  }

  async requestCancel(): Promise<JobRow> {
    await this.#write({ cancelRequested: true })
    this.#abort.abort()
    return this.#row
  }

  /** Somebody else has written that it is to be cancelled. */
  cancelled(): void {
    this.#abort.abort()
  }

  /** Leaves the job to whoever runs it next, if it does not come to its end first. */
  suspend(): void {
    this.#isSuspended = true
    this.#abort.abort()
  }

  async end(
    outcome: Pick<JobRow, 'state'> & Partial<Pick<JobRow, 'result' | 'error'>>,
    now: Date,
  ): Promise<void> {
    clearTimeout(this.#timer)
    await this.#write({ ...this.#next, ...outcome, finishedAt: now.toISOString() })
  }

  async #flush(): Promise<void> {
    const patch = this.#next
    this.#next = null
    if (patch) await this.#write(patch)
  }

  #write(patch: JobPatchRow): Promise<void> {
    this.#writes = this.#writes.then(() => this.#save(patch)).catch(this.#onFailure)
    return this.#writes
  }

  async #save(patch: JobPatchRow): Promise<void> {
    while (!this.#isLost && !isOver(this.#row)) {
      const { id, revision, owner } = this.#row
      const written = await this.#repo.update(id, revision, patch)
      if (written) return this.#changed(written)
      const found = await this.#repo.find(id)
      if (!found || found.owner !== owner || isOver(found)) {
        this.#isLost = true
        this.#abort.abort()
      } else {
        this.#row = found
        if (found.cancelRequested) this.#abort.abort()
      }
    }
  }

  #changed(row: JobRow): void {
    this.#row = row
    this.#onChange(row)
  }
}
