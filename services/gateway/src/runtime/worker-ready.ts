import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { DatabaseId } from '@db-forge/contract'
import { SOCKETS, type Welcome } from '@db-forge/contract/wire'
import { callWorker, connectsTo, WorkerLineError } from './worker-line.ts'

/** Short, since it is part of the time that a spawn takes. */
const RETRY_MS = 5

export interface Readiness {
  readonly runDir: string
  readonly databaseId: DatabaseId
  readonly timeoutMs: number
  /** Aborts when waiting has lost its sense: the worker is gone, or the caller is. */
  readonly signal: AbortSignal
  /** Whether this is the worker that is waited for, and not one from before it. */
  readonly accepts: (welcome: Welcome) => boolean
  /**
   * It ran before we came. Its SQL thread may be at work for long, so that socket need only accept; and if it answers
   * wrongly, waiting will not mend it.
   */
  readonly ranBefore?: boolean
}

/**
 * Resolves once both sockets of a worker have welcomed us.
 * @throws WorkerLineError if they do not in time, the signal's reason if it aborts.
 */
export async function workerReady(want: Readiness): Promise<void> {
  const deadline = performance.now() + want.timeoutMs
  await retried(want, deadline, (leftMs) => welcomed(want, SOCKETS.control, leftMs))
  await retried(want, deadline, (leftMs) =>
    want.ranBefore
      ? connectsTo(join(want.runDir, SOCKETS.sql), leftMs)
      : welcomed(want, SOCKETS.sql, leftMs),
  )
}

async function retried(
  want: Readiness,
  deadline: number,
  attempt: (leftMs: number) => Promise<void>,
): Promise<void> {
  for (;;) {
    want.signal.throwIfAborted()
    try {
      const leftMs = Math.max(deadline - performance.now(), 1)
      return await unlessAborted(attempt(leftMs), want.signal)
    } catch (error) {
      if (!(error instanceof WorkerLineError) || performance.now() >= deadline) throw error
      if (error.kind === 'foreign' && want.ranBefore) throw error
    }
    await sleep(RETRY_MS)
  }
}

async function welcomed(want: Readiness, socket: string, leftMs: number): Promise<void> {
  const { line, welcome } = await callWorker(join(want.runDir, socket), want.databaseId, leftMs)
  line.close()
  if (!want.accepts(welcome)) throw new WorkerLineError('foreign', 'another worker answers')
}

/** What is given up ends by itself, at its own timeout at the latest. */
async function unlessAborted(attempt: Promise<void>, signal: AbortSignal): Promise<void> {
  attempt.catch(() => {})
  let onAbort = () => {}
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
  })
  return Promise.race([attempt, aborted]).finally(() =>
    signal.removeEventListener('abort', onAbort),
  )
}
