import { createHash, randomBytes } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import type { IdempotencyRepo } from '../store/metadata-store.ts'
import { AppError } from './app-error.ts'
import { seal, unseal } from './sealed-answer.ts'
import type { CoreLog } from './telemetry.ts'

const KEPT_MS = 24 * 3_600_000
const TIDY_MS = 3_600_000
const ANSWER_BYTES_MAX = 1024 * 1024
const WAIT_MS = 10_000
const LOOK_MS = 200
/** After this time a gateway that shares the store, and has not finished a request, is taken for dead. */
const GONE_AFTER_MS = 60_000
const NOT_KEPT = ''

export interface IdempotentRequest {
  readonly key: string
  /** Keys of different callers have nothing to do with each other. */
  readonly caller: string
  /** What the key stands for; whatever differs is another request. */
  readonly content: unknown
}

export interface KeptAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** A request that is to be run. */
export interface Claim {
  /** Names the request where its key must not be. */
  readonly keyHash: string
  /** It was begun before by a gateway that has ended: what it was to do may have been done. */
  readonly isRepeat: boolean
  /** Must be called at the end, whatever that is. `body` is null for an answer that cannot be kept. */
  finish(answer: Omit<KeptAnswer, 'body'> & { readonly body: string | null }): Promise<void>
}

export interface IdempotencyOptions {
  readonly repo: IdempotencyRepo
  readonly log: CoreLog
  /** No other gateway uses the store, so whoever else began a request has ended. */
  readonly isStoreExclusive: boolean
  readonly now?: () => Date
  /** For how long a request waits for an earlier one with its key. */
  readonly waitMs?: number
}

interface Running {
  readonly fingerprint: string
  readonly end: Promise<void>
}

/**
 * Requests that name themselves by a key are done once, and answered the same each time. The store knows a key by its
 * hash alone and keeps the answer sealed under the key, since there may be a password in it.
 */
export class Idempotency {
  readonly #o: IdempotencyOptions
  readonly #gateway = randomBytes(8).toString('hex')
  readonly #now: () => Date
  /** By hash of the key; whoever is in here has the key for itself in this process. */
  readonly #running = new Map<string, Running>()
  #tidying: NodeJS.Timeout | undefined

  constructor(options: IdempotencyOptions) {
    this.#o = options
    this.#now = options.now ?? (() => new Date())
  }

  start(): void {
    this.#tidying = setInterval(() => void this.#tidy(), TIDY_MS).unref()
    void this.#tidy()
  }

  close(): void {
    clearInterval(this.#tidying)
  }

  /**
   * Either the answer that there is, or the request is the caller's to run. Waits a while for one that is under way.
   * @throws AppError `idempotency.*`
   */
  async claim(request: IdempotentRequest): Promise<KeptAnswer | Claim> {
    const keyHash = sha256([request.caller, request.key])
    const fingerprint = sha256(request.content)
    const until = performance.now() + (this.#o.waitMs ?? WAIT_MS)
    for (;;) {
      const running = this.#running.get(keyHash)
      if (running && running.fingerprint !== fingerprint) throw mismatch()
      if (!running) {
        const claimed = await this.#alone(keyHash, fingerprint, request.key)
        if (claimed) return claimed
      }
      const left = until - performance.now()
      if (left <= 0) throw new AppError('idempotency.busy', undefined, { retryAfterSeconds: 1 })
      await (running ? Promise.race([running.end, wait(left)]) : wait(LOOK_MS))
    }
  }

  /** Null while another gateway is at work on it. */
  async #alone(
    keyHash: string,
    fingerprint: string,
    key: string,
  ): Promise<KeptAnswer | Claim | null> {
    let end = () => {}
    const ended = new Promise<void>((resolve) => {
      end = () => {
        this.#running.delete(keyHash)
        resolve()
      }
    })
    this.#running.set(keyHash, { fingerprint, end: ended })
    try {
      const claimed = await this.#ask(keyHash, fingerprint, key, end)
      if (!claimed || 'body' in claimed) end()
      return claimed
    } catch (error) {
      end()
      throw error
    }
  }

  async #ask(
    keyHash: string,
    fingerprint: string,
    key: string,
    end: () => void,
  ): Promise<KeptAnswer | Claim | null> {
    const { repo } = this.#o
    const owner = `${this.#gateway} ${this.#now().toISOString()}`
    const expiresAt = new Date(this.#now().getTime() + KEPT_MS)
    const claim = (isRepeat: boolean): Claim => ({
      keyHash,
      isRepeat,
      finish: (answer) => this.#finish(keyHash, fingerprint, key, answer).finally(end),
    })
    if (await repo.begin({ keyHash, fingerprint, owner, expiresAt })) return claim(false)
    const found = await repo.find(keyHash)
    if (!found) return null
    if (found.fingerprint !== fingerprint) throw mismatch()
    if (found.answer) {
      const { status, sealed } = found.answer
      if (sealed === NOT_KEPT) throw new AppError('idempotency.lost')
      return JSON.parse(unseal(key, contextOf(keyHash, fingerprint, status), sealed)) as KeptAnswer
    }
    if (!this.#isGone(found.owner)) return null
    return (await repo.takeOver(keyHash, found.owner, owner)) ? claim(true) : null
  }

  /** Two entries of one process cannot meet, so what bears its name and is not running was not finished. */
  #isGone(owner: string | null): boolean {
    const [gateway, since = ''] = owner?.split(' ') ?? []
    if (this.#o.isStoreExclusive || gateway === this.#gateway) return true
    return this.#now().getTime() - Date.parse(since) > GONE_AFTER_MS
  }

  async #finish(
    keyHash: string,
    fingerprint: string,
    key: string,
    { body, ...answer }: Parameters<Claim['finish']>[0],
  ): Promise<void> {
    const { status } = answer
    try {
      if (isForNow(status)) return await this.#o.repo.forget(keyHash)
      const isKept = body !== null && Buffer.byteLength(body) <= ANSWER_BYTES_MAX
      const sealed = isKept
        ? seal(key, contextOf(keyHash, fingerprint, status), JSON.stringify({ ...answer, body }))
        : NOT_KEPT
      await this.#o.repo.finish(keyHash, { status, sealed })
    } catch (error) {
      this.#o.log.error({ err: error }, 'the answer to a request with an idempotency key was lost')
    }
  }

  async #tidy(): Promise<void> {
    await this.#o.repo.deleteExpired(this.#now()).catch((error: unknown) => {
      this.#o.log.warn({ err: error }, 'old idempotency keys were not deleted')
    })
  }
}

const mismatch = () => new AppError('idempotency.mismatch')

/** Answers that another try may not get: they are no reason to answer the same again. */
const isForNow = (status: number) => status >= 500 || status === 408 || status === 429

const contextOf = (keyHash: string, fingerprint: string, status: number) =>
  `${keyHash} ${fingerprint} ${status}`

const sha256 = (value: unknown) =>
  createHash('sha256').update(JSON.stringify(value, withBigints)).digest('hex')

const withBigints = (_key: string, value: unknown) =>
  typeof value === 'bigint' ? { $integer: `${value}` } : value
