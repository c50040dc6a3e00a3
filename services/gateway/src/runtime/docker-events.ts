import { DatabaseId } from '@db-forge/contract'
import type { Clock } from '../clock.ts'
import { dockerTime } from './docker-answers.ts'
import type { DockerApi, DockerEvent } from './docker-api.ts'
import { LABEL } from './docker-spec.ts'
import type { WorkerEvent } from './worker-runtime.ts'

const BACKOFF_MS = { first: 100, max: 5_000 }

const TYPES: Readonly<Record<string, 'started' | 'exited' | 'removed'>> = {
  start: 'started',
  die: 'exited',
  destroy: 'removed',
}

/** Follows Docker's events until the signal aborts. A stream that breaks is opened again where it broke off. */
export async function followEvents(
  docker: DockerApi,
  label: string,
  onEvent: (event: WorkerEvent) => void,
  signal: AbortSignal,
  clock: Clock,
): Promise<void> {
  let since = dockerTime(BigInt(clock.date().getTime()) * 1_000_000n)
  let backoffMs = BACKOFF_MS.first
  while (!signal.aborted) {
    try {
      for await (const event of docker.events(label, { since, signal })) {
        backoffMs = BACKOFF_MS.first
        // Docker begins with what happened at that very moment, which is known already.
        if (event.time <= since) continue
        since = event.time
        const told = workerEvent(event)
        if (told) onEvent(told)
      }
    } catch {
      // Docker is away, or was; there is nothing to do but to ask again.
    }
    await clock.sleep(backoffMs, signal).catch(() => {})
    // A Docker that was restarted has forgotten what happened before.
    if (!signal.aborted) onEvent({ type: 'gap' })
    backoffMs = Math.min(backoffMs * 2, BACKOFF_MS.max)
  }
}

function workerEvent({ action, labels }: DockerEvent): WorkerEvent | null {
  const type = TYPES[action]
  const id = DatabaseId.safeParse(labels[LABEL.databaseId])
  return type && id.success ? { type, databaseId: id.data } : null
}
