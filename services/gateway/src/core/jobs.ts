import { randomBytes } from 'node:crypto'
import { type DatabaseId, ERRORS, type ErrorCode, isOver, type Job } from '@db-forge/contract'
import type { EventBus, PlatformEvent } from '../events/event-bus.ts'
import type { JobRepo, JobRow } from '../store/metadata-store.ts'
import { AppError } from './app-error.ts'
import { randomCharacters } from './database-id.ts'
import { type JobContext, JobRun } from './job-run.ts'
import type { CoreLog } from './telemetry.ts'

const IN_PARALLEL = 4
const KEPT_MS = 7 * 24 * 3_600_000
const TIDY_MS = 3_600_000
const MISSED_MS = 30_000
/** Events may be missed, the store is not. */
const LOOK_MS = 1000
const PAGE = 500

export interface JobSubject {
  readonly id: DatabaseId
  readonly name: string
}

/** What is done, by its name. It must be safe to repeat: a gateway may end in the middle of it. */
export type JobKinds = Readonly<
  Record<
    string,
    { run(subject: JobSubject, input: unknown, context: JobContext): Promise<unknown> }
  >
>

export interface JobsOptions {
  readonly repo: JobRepo
  readonly events: EventBus
  readonly kinds: JobKinds
  readonly log: CoreLog
  /** Names this process. */
  readonly owner?: string
  readonly now?: () => Date
}

export interface JobQuery {
  readonly database?: string | undefined
  readonly state?: Job['state'] | undefined
  readonly limit: number
  readonly cursor?: string | undefined
}

interface Asked {
  readonly id: string
  readonly inserted: Promise<JobRow>
}

/**
 * Long work, one row of the store for each piece of it. Jobs are run by the gateway that has called `resume`, one at
 * a time for each database; what a gateway leaves undone, the next one to resume runs again.
 */
export class Jobs {
  readonly #o: JobsOptions
  readonly #owner: string
  readonly #now: () => Date
  readonly #queue: JobRow[] = []
  readonly #runs = new Map<string, JobRun>()
  readonly #ends = new Set<Promise<void>>()
  /** Not over yet, by what was asked for. */
  readonly #asked = new Map<string, Asked>()
  readonly #closed = new AbortController()
  #isActive = false
  #timers: readonly NodeJS.Timeout[] = []
  #unsubscribe = () => {}

  constructor(options: JobsOptions) {
    this.#o = options
    this.#owner = options.owner ?? randomBytes(8).toString('hex')
    this.#now = options.now ?? (() => new Date())
  }

  start(): void {
    this.#timers = [
      setInterval(() => void this.#tidy(), TIDY_MS).unref(),
      setInterval(() => void this.#lookForMissed(), MISSED_MS).unref(),
    ]
    this.#unsubscribe = this.#o.events.subscribe((event) => {
      if (event.type === 'job.changed') this.#noticed(event.job)
      else if (event.type === 'gap') void this.#lookForMissed()
    })
    void this.#tidy()
  }

  /** From now on this gateway runs the jobs, those that others have left undone first. */
  async resume(): Promise<void> {
    this.#isActive = true
    const left: JobRow[] = []
    let before: { createdAt: string; id: string } | undefined
    do {
      const page = await this.#o.repo.list({ states: ['queued', 'running'], limit: PAGE, before })
      left.push(...page)
      before = page.length === PAGE ? page.at(-1) : undefined
    } while (before)
    for (const row of left.reverse()) {
      if (row.cancelRequested && !this.#runs.has(row.id)) await this.#cancelWaiting(row)
      else this.#enqueue(row)
    }
  }

  /** Another gateway is the one to run jobs. Resolves when none runs here any more. */
  async suspend(): Promise<void> {
    this.#isActive = false
    this.#queue.length = 0
    this.#asked.clear()
    for (const run of this.#runs.values()) run.suspend()
    await Promise.all(this.#ends)
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer)
    this.#unsubscribe()
    await this.suspend()
    this.#closed.abort()
  }

  /** What has been asked for already, and is not over, is not asked for twice. */
  async submit(kind: string, subject: JobSubject, input: unknown = null): Promise<Job> {
    const what = keyOf({ kind, subject: subject.id, input })
    const same = this.#asked.get(what)
    if (same) return present(await same.inserted.then(() => this.#find(same.id)))
    const id = `job_${randomCharacters(12)}`
    const { id: database, name } = subject
    const job = { id, kind, subject: database, subjectName: name, input }
    const inserted = this.#o.repo.insert(job)
    if (this.#isActive) this.#asked.set(what, { id, inserted })
    try {
      const row = await inserted
      this.#enqueue(row)
      this.#publish(row)
      return present(row)
    } catch (error) {
      this.#forget(job)
      throw error
    }
  }

  /**
   * The job once it is over.
   * @throws AppError `server.stopping` when it is left to another gateway
   */
  async end(id: string): Promise<Job> {
    const { events, repo } = this.#o
    let leave = () => {}
    try {
      return await new Promise<Job>((resolve, reject) => {
        const look = () =>
          repo.find(id).then((row) => {
            if (!row) reject(new AppError('job.not_found'))
            else if (isOver(row)) resolve(present(row))
          }, reject)
        const stop = () =>
          reject(new AppError('server.stopping', `${id} goes on later`, { retryAfterSeconds: 5 }))
        const unsubscribe = events.subscribe((event) => {
          if (event.type === 'job.changed' && event.job.id === id && isOver(event.job))
            resolve(event.job)
        })
        const looking = setInterval(() => void look(), LOOK_MS)
        this.#closed.signal.addEventListener('abort', stop)
        leave = () => {
          unsubscribe()
          clearInterval(looking)
          this.#closed.signal.removeEventListener('abort', stop)
        }
        if (this.#closed.signal.aborted) stop()
        void look()
      })
    } finally {
      leave()
    }
  }

  /** Waits for the end of a job and fails as it has failed. */
  async success(id: string): Promise<Job> {
    const job = await this.end(id)
    if (job.state === 'succeeded') return job
    const { code, detail } = job.error ?? { code: 'job.cancelled' as const, detail: undefined }
    throw new AppError(code, detail, ERRORS[code].status === 503 ? { retryAfterSeconds: 5 } : {})
  }

  async get(id: string): Promise<Job> {
    return present(await this.#find(id))
  }

  /** What another gateway has told of a job. */
  async follow(id: string): Promise<PlatformEvent | null> {
    const row = await this.#o.repo.find(id)
    return row && { type: 'job.changed', job: present(row) }
  }

  async list(query: JobQuery): Promise<{ items: Job[]; nextCursor: string | null }> {
    const rows = await this.#o.repo.list({
      subject: query.database,
      states: query.state && [query.state],
      limit: query.limit + 1,
      before: query.cursor === undefined ? undefined : readCursor(query.cursor),
    })
    const page = rows.slice(0, query.limit)
    const last = page.at(-1)
    return {
      items: page.map(present),
      nextCursor: rows.length > page.length && last ? writeCursor(last) : null,
    }
  }

  /** @throws AppError `job.finished` */
  async cancel(id: string): Promise<Job> {
    const running = await this.#runs.get(id)?.requestCancel()
    if (running?.cancelRequested) return present(running)
    for (let row = await this.#o.repo.find(id); row; row = await this.#o.repo.find(id)) {
      if (isOver(row)) throw new AppError('job.finished', `${id} has ${row.state}`)
      const cancelled =
        row.state === 'queued' ? await this.#cancelWaiting(row) : await this.#askToEnd(row)
      if (cancelled) return present(cancelled)
    }
    throw new AppError('job.not_found', id)
  }

  async #find(id: string): Promise<JobRow> {
    const row = await this.#o.repo.find(id)
    if (!row) throw new AppError('job.not_found', id)
    return row
  }

  /** It runs at another gateway, which the event tells. */
  async #askToEnd({ id, revision }: JobRow): Promise<JobRow | null> {
    const asked = await this.#o.repo.update(id, revision, { cancelRequested: true })
    if (asked) this.#publish(asked)
    return asked
  }

  async #cancelWaiting(row: JobRow): Promise<JobRow | null> {
    const cancelled = await this.#o.repo.update(row.id, row.revision, {
      state: 'cancelled',
      cancelRequested: true,
      finishedAt: this.#now().toISOString(),
    })
    if (!cancelled) return null
    this.#publish(cancelled)
    return cancelled
  }

  #enqueue(row: JobRow): void {
    if (!this.#isActive || this.#isKnown(row.id) || isOver(row)) return
    const what = keyOf(row)
    if (!this.#asked.has(what))
      this.#asked.set(what, { id: row.id, inserted: Promise.resolve(row) })
    this.#queue.push(row)
    this.#startNext()
  }

  #startNext(): void {
    const busy = new Set([...this.#runs.values()].map(({ row }) => row.subject))
    while (this.#runs.size < IN_PARALLEL) {
      const at = this.#queue.findIndex(({ subject }) => !busy.has(subject))
      const [row] = at < 0 ? [] : this.#queue.splice(at, 1)
      if (!row) return
      busy.add(row.subject)
      const run = this.#runOf(row)
      this.#runs.set(row.id, run)
      const end = this.#execute(run).finally(() => {
        this.#ends.delete(end)
        this.#runs.delete(row.id)
        this.#forget(row)
        this.#startNext()
      })
      this.#ends.add(end)
    }
  }

  #runOf(row: JobRow): JobRun {
    const onFailure = (error: unknown) =>
      this.#o.log.error({ jobId: row.id, err: error }, 'the state of a job was not written')
    return new JobRun(row, this.#o.repo, (changed) => this.#publish(changed), onFailure)
  }

  async #execute(run: JobRun): Promise<void> {
    const { id, kind, subject, subjectName, input } = run.row
    try {
      if (!(await run.begin(this.#owner, this.#now()))) return
      const work = this.#o.kinds[kind]
      if (!work) throw new AppError('server.internal', `There is no job of kind “${kind}” here`)
      const result = await work.run({ id: subject, name: subjectName }, input, run)
      await run.end({ state: 'succeeded', result: result ?? null }, this.#now())
    } catch (error) {
      if (run.isSuspended) return
      if (run.signal.aborted) return await run.end({ state: 'cancelled' }, this.#now())
      const failure = failureOf(error)
      if (failure.code === 'server.internal')
        this.#o.log.error({ jobId: id, kind, err: error }, 'a job failed unexpectedly')
      await run.end({ state: 'failed', error: failure }, this.#now())
    }
  }

  /** Other gateways tell of jobs that they were asked for, or asked to cancel. */
  #noticed({ id, state, cancelRequested }: Job): void {
    if (cancelRequested) this.#runs.get(id)?.cancelled()
    if (state !== 'queued' || !this.#isActive || this.#isKnown(id)) return
    this.#find(id).then(
      (row) => this.#enqueue(row),
      (error: unknown) => this.#o.log.warn({ jobId: id, err: error }, 'a job was not taken up'),
    )
  }

  async #lookForMissed(): Promise<void> {
    if (!this.#isActive) return
    await this.resume().catch((error: unknown) => {
      this.#o.log.warn({ err: error }, 'jobs were not looked for')
    })
  }

  #isKnown(id: string): boolean {
    return this.#runs.has(id) || this.#queue.some((row) => row.id === id)
  }

  #forget(row: Pick<JobRow, 'id' | 'kind' | 'subject' | 'input'>): void {
    const what = keyOf(row)
    if (this.#asked.get(what)?.id === row.id) this.#asked.delete(what)
    const at = this.#queue.findIndex((waiting) => waiting.id === row.id)
    if (at >= 0) this.#queue.splice(at, 1)
  }

  #publish(row: JobRow): void {
    if (isOver(row)) this.#forget(row)
    this.#o.events.publish({ type: 'job.changed', job: present(row) })
  }

  async #tidy(): Promise<void> {
    const before = new Date(this.#now().getTime() - KEPT_MS)
    await this.#o.repo.deleteFinishedBefore(before).catch((error: unknown) => {
      this.#o.log.warn({ err: error }, 'old jobs were not deleted')
    })
  }
}

const keyOf = ({ kind, subject, input }: Pick<JobRow, 'kind' | 'subject' | 'input'>) =>
  JSON.stringify([kind, subject, input])

function failureOf(error: unknown): { code: ErrorCode; detail?: string } {
  if (!(error instanceof AppError)) return { code: 'server.internal' }
  const { code, detail } = error
  return detail === undefined ? { code } : { code, detail }
}

function present(row: JobRow): Job {
  const { id, kind, state, phase, done, total, unit, result, error } = row
  return {
    id,
    kind,
    database: { id: row.subject, name: row.subjectName },
    state,
    phase,
    progress: done === null ? null : { done, total, unit },
    result,
    error: error && { ...error, code: error.code as ErrorCode },
    cancelRequested: row.cancelRequested,
    createdAt: row.createdAt,
    startedAt: row.startedAt,
    finishedAt: row.finishedAt,
    revision: row.revision,
  }
}

const writeCursor = ({ createdAt, id }: JobRow) =>
  Buffer.from(`${createdAt} ${id}`).toString('base64url')

function readCursor(cursor: string): { createdAt: string; id: string } {
  const [createdAt = '', id = ''] = Buffer.from(cursor, 'base64url').toString().split(' ')
  return { createdAt, id }
}
