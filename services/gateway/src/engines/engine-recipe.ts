import type { DatabaseId, EngineName, Limits } from '@db-forge/contract'
import type { WorkerSpec } from '../runtime/worker-runtime.ts'

/** How an engine is run. Pure: knows neither Docker nor HTTP. */
export interface EngineRecipe {
  readonly name: EngineName
  readonly defaultLimits: Limits
  workerSpec(database: { readonly id: DatabaseId; readonly limits: Limits }): WorkerSpec
}

/** An engine that is not registered does not compile. */
export type EngineRegistry = Readonly<Record<EngineName, EngineRecipe>>
