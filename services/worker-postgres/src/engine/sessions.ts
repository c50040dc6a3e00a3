import { setTimeout as sleep } from 'node:timers/promises'
import type { ConnectionRole } from '@db-forge/contract'
import { errorFields, log, WorkerFailure } from '@db-forge/worker-kit'
import type { DatabaseName } from '../server/database-name.ts'
import { READER, sessionRole } from '../server/roles.ts'
import { Backend, ServerError } from '../wire/backend.ts'
import { simple } from '../wire/requests.ts'
import { Message } from '../wire/responses.ts'
import { toFailure } from './errors.ts'
import type { Interrupt } from './interrupt.ts'
import { isNotYet, isUnknownName, type Platform } from './platform.ts'

/**
 * Given as a connection starts, these outrank what a tenant lays down for its role or database, and are what DISCARD ALL
 * goes back to: cells come in one form, and commits are durable unless a statement itself says otherwise.
 */
const SETTINGS: Readonly<Record<string, string>> = {
  application_name: 'db-forge',
  search_path: '"$user", public',
  DateStyle: 'ISO, MDY',
  IntervalStyle: 'postgres',
  TimeZone: 'UTC',
  bytea_output: 'hex',
  extra_float_digits: '1',
  standard_conforming_strings: 'on',
  synchronous_commit: 'on',
  client_min_messages: 'error',
  // Behind the watchdog, which does not rely on it.
  statement_timeout: '3605000',
  idle_in_transaction_session_timeout: '120000',
}

const IDLE_MS_MAX = 60_000
const TIDY_EVERY_MS = 10_000
/** How long a request waits for a connection before others are too many. */
const WAIT_MS_MAX = 5000
const RETRY_MS = 25
const DISCARD = simple('discard all')
/** DISCARD ALL goes back to who signed in. */
const TAKE_ROLE = { owner: simple('set role owner'), reader: simple('set role reader') }

export interface SessionsOptions {
  readonly path: string
  readonly name: DatabaseName
  readonly platform: Platform
  readonly sessionsMax: number
  readonly messageBytesMax: number
}

export interface Session {
  readonly role: ConnectionRole
  readonly backend: Backend
  idleSince: number
}

interface Waiter {
  readonly role: ConnectionRole
  readonly interrupt: Interrupt
  resolve(session: Session): void
  reject(error: unknown): void
  timer: NodeJS.Timeout
}

/** Connections to the database as its tenant or its reader, each lent to one request or transaction at a time. */
export class Sessions {
  readonly #options: SessionsOptions
  readonly #idle: Session[] = []
  readonly #waiting: Waiter[] = []
  /** Those that are lent, idle or being opened. */
  #count = 0
  #closed = false
  readonly #tidying: NodeJS.Timeout

  constructor(options: SessionsOptions) {
    this.#options = options
    this.#tidying = setInterval(() => this.#tidy(), TIDY_EVERY_MS).unref()
  }

  get waiting(): number {
    return this.#waiting.length
  }

  /** @throws WorkerFailure if none is free in time, or if the request is ended before. */
  acquire(role: ConnectionRole, interrupt: Interrupt): Promise<Session> | Session {
    interrupt.throwIfTripped()
    const session = this.#take(role)
    if (session) return session
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        role,
        interrupt,
        resolve,
        reject,
        timer: setTimeout(() => this.#giveUp(waiter), WAIT_MS_MAX),
      }
      interrupt.onTrip = () => this.#drop(waiter, interrupt.failure())
      this.#waiting.push(waiter)
      this.#serve()
    })
  }

  /**
   * Rids a connection of whatever the last caller left in it: temporary tables, settings, listening, locks. Sent right
   * behind the caller's statement, it costs no round trip.
   * @returns whether it may be lent again.
   */
  async discard({ backend, role }: Session): Promise<boolean> {
    const done = await Promise.all([succeeds(backend, DISCARD), succeeds(backend, TAKE_ROLE[role])])
    return done.every(Boolean)
  }

  /** Gives a session back, which is lent again once it is known to be clean. */
  release(session: Session, clean: Promise<boolean>): void {
    void clean.then((isClean) => {
      if (!isClean || session.backend.closed || this.#closed) {
        session.backend.destroy()
        this.#count -= 1
      } else {
        session.idleSince = performance.now()
        this.#idle.push(session)
      }
      this.#serve()
    })
  }

  close(): void {
    this.#closed = true
    clearInterval(this.#tidying)
    for (const { backend } of this.#idle.splice(0)) backend.end()
    for (const waiter of [...this.#waiting])
      this.#drop(waiter, new WorkerFailure('worker.restarted', 'the database is being stopped'))
  }

  #serve(): void {
    for (const waiter of [...this.#waiting]) {
      const session = this.#take(waiter.role)
      if (session) {
        this.#remove(waiter)
        waiter.resolve(session)
      } else if (this.#makeRoom()) void this.#open(waiter)
      else return
    }
  }

  /** The one that was used last, whose server process is the warmest. */
  #take(role: ConnectionRole): Session | undefined {
    this.#dropClosed()
    const at = this.#idle.findLastIndex((session) => session.role === role)
    return at < 0 ? undefined : this.#idle.splice(at, 1)[0]
  }

  /** A server that crashed and recovered has cut all connections. */
  #dropClosed(): void {
    for (let at = this.#idle.length - 1; at >= 0; at -= 1) {
      if (!this.#idle[at]?.backend.closed) continue
      this.#idle.splice(at, 1)
      this.#count -= 1
    }
  }

  #makeRoom(): boolean {
    if (this.#count < this.#options.sessionsMax) return true
    const other = this.#idle.shift()
    if (!other) return false
    other.backend.end()
    this.#count -= 1
    return true
  }

  async #open(waiter: Waiter): Promise<void> {
    this.#remove(waiter)
    this.#count += 1
    try {
      const session = { role: waiter.role, backend: await this.#connect(waiter), idleSince: 0 }
      if (!waiter.interrupt.code) {
        waiter.resolve(session)
        return
      }
      waiter.reject(waiter.interrupt.failure())
      this.release(session, Promise.resolve(true))
    } catch (error) {
      this.#count -= 1
      waiter.reject(error instanceof ServerError ? toFailure(error.fields, '') : error)
      this.#serve()
    }
  }

  /** Waits for a server that recovers from a crash, as long as the request may wait. */
  async #connect({ role, interrupt }: Waiter): Promise<Backend> {
    const { path, name, platform, messageBytesMax } = this.#options
    const settings = {
      ...SETTINGS,
      role,
      default_transaction_read_only: role === READER ? 'on' : 'off',
    }
    const until = performance.now() + WAIT_MS_MAX
    for (let repaired = false; ; ) {
      try {
        const database = name.current
        return await Backend.open({
          path,
          user: sessionRole(role),
          database,
          settings,
          messageBytesMax,
        })
      } catch (error) {
        interrupt.throwIfTripped()
        const refused = error instanceof ServerError && error.fields['C'] === '42501'
        if (refused && !repaired) {
          repaired = true
          await platform.restoreGrants()
        } else if (performance.now() < until && isUnknownName(error)) await platform.confirmName()
        else if (performance.now() < until && isNotYet(error)) await sleep(RETRY_MS)
        else if (error instanceof ServerError) throw error
        else {
          log('warn', 'the server does not answer', errorFields(error))
          throw new WorkerFailure('database.busy', 'the database is starting')
        }
      }
    }
  }

  #giveUp(waiter: Waiter): void {
    this.#drop(
      waiter,
      new WorkerFailure('database.busy', 'all connections of this database are in use'),
    )
  }

  #drop(waiter: Waiter, error: unknown): void {
    if (!this.#waiting.includes(waiter)) return
    this.#remove(waiter)
    waiter.reject(error)
  }

  #remove(waiter: Waiter): void {
    clearTimeout(waiter.timer)
    waiter.interrupt.onTrip = null
    this.#waiting.splice(this.#waiting.indexOf(waiter), 1)
  }

  /** All but one of those that nobody has wanted for a while. */
  #tidy(): void {
    const since = performance.now() - IDLE_MS_MAX
    while (this.#idle.length > 1 && (this.#idle[0]?.idleSince ?? since) < since) {
      this.#idle.shift()?.backend.end()
      this.#count -= 1
    }
    this.#dropClosed()
  }
}

function succeeds(backend: Backend, command: Buffer): Promise<boolean> {
  return new Promise((resolve) => {
    let failed = false
    backend.send(command, {
      message: (type) => {
        failed ||= type === Message.error
      },
      tooLarge: () => undefined,
      ready: (status) => resolve(!failed && status === 'I'),
      lost: () => resolve(false),
    })
  })
}
