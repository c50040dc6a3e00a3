import type { ErrorCode } from '@db-forge/contract'
import { WorkerFailure } from '@db-forge/worker-kit'

export type InterruptCode = Extract<
  ErrorCode,
  'query.timeout' | 'query.cancelled' | 'quota.exceeded'
>

const DETAILS: Readonly<Record<InterruptCode, string>> = {
  'query.timeout': 'the statement ran past its deadline',
  'query.cancelled': 'the statement was cancelled',
  'quota.exceeded': 'the statement was ended: the database is far over its size limit',
}

/** How one request is ended from outside, while it waits and while it runs. */
export class Interrupt {
  /** In the worker's clock. */
  readonly deadline: number
  readonly startedAt: number
  code: InterruptCode | null = null
  trippedAt = 0
  terminated = false
  /** The server's process that runs it; 0 while none does. */
  pid = 0
  /** Until it has run out, a cancel of this request may still reach that process. */
  sent: Promise<void> = Promise.resolve()
  /** Called when it is tripped. */
  onTrip: (() => void) | null = null

  constructor(deadline: number, startedAt: number) {
    this.deadline = deadline
    this.startedAt = startedAt
  }

  failure(): WorkerFailure {
    const code = this.code ?? 'query.timeout'
    return new WorkerFailure(code, DETAILS[code])
  }

  throwIfTripped(): void {
    if (this.code) throw this.failure()
  }
}
