import type { WorkerSpec } from './worker-runtime.ts'

/** All that a worker is told at its start. Nothing of the gateway's own environment goes with it. */
export function workerEnv(spec: WorkerSpec, databaseDir: string): Record<string, string> {
  return {
    DBFORGE_DATABASE_ID: spec.databaseId,
    DBFORGE_DATABASE_DIR: databaseDir,
    DBFORGE_ENGINE: spec.engine,
    DBFORGE_SPEC_HASH: spec.hash,
    DBFORGE_MAX_SIZE_MB: String(spec.limits.maxSizeMb),
    DBFORGE_MEMORY_MB: String(spec.limits.memoryMb),
  }
}
