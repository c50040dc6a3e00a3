import type { WorkerError } from '@db-forge/contract/wire'
import { RemoteError } from '@db-forge/worker-kit/testing/link'

/** What a request fails with. */
export async function failure(request: Promise<unknown>): Promise<WorkerError> {
  try {
    await request
  } catch (error) {
    if (error instanceof RemoteError) return error.error
    throw error
  }
  throw new Error('it did not fail')
}
