import { createHash } from 'node:crypto'
import type { DatabaseId, EngineName, Limits } from '@db-forge/contract'
import type { WorkerSpec } from '../runtime/worker-runtime.ts'

/** How an engine is run. Pure: knows neither Docker nor HTTP. */
export interface EngineRecipe {
  readonly name: EngineName
  readonly defaultLimits: Limits
  /** The least that its worker can do its work with, MiB. */
  readonly memoryMbMin: number
  /** Whether clients can speak a protocol of the engine's own with it. */
  readonly hasSessions: boolean
  workerSpec(database: {
    readonly id: DatabaseId
    readonly limits: Limits
    readonly generation: number
  }): WorkerSpec
}

/** An engine that is not registered does not compile. */
export type EngineRegistry = Readonly<Record<EngineName, EngineRecipe>>

export function engineRecipe(recipe: Omit<EngineRecipe, 'workerSpec'>): EngineRecipe {
  return {
    ...recipe,
    workerSpec({ id, generation, limits: { memoryMb, cpus, maxSizeMb, pidsMax } }) {
      // The other limits change while it runs.
      const parts = JSON.stringify([recipe.name, memoryMb, generation])
      return {
        databaseId: id,
        engine: recipe.name,
        generation,
        limits: { memoryMb, cpus, maxSizeMb, pidsMax },
        hash: createHash('sha256').update(parts).digest('hex').slice(0, 16),
      }
    },
  }
}
