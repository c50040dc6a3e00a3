import { join } from 'node:path'
import type { DatabaseId } from '@db-forge/contract'
import { FrameType, SOCKETS, WorkerHealth } from '@db-forge/contract/wire'
import { callWorker, parseJson } from './worker-line.ts'

/** What a worker says of itself; null if it says nothing, or nothing of sense, in time. */
export async function workerHealth(
  runDir: string,
  databaseId: DatabaseId,
  timeoutMs: number,
): Promise<WorkerHealth | null> {
  const call = await callWorker(join(runDir, SOCKETS.control), databaseId, timeoutMs).catch(
    () => null,
  )
  if (!call) return null
  try {
    const frame = await call.line.ask(FrameType.health, '{}', timeoutMs)
    return WorkerHealth.safeParse(parseJson(frame)).data ?? null
  } catch {
    return null
  } finally {
    call.line.close()
  }
}
