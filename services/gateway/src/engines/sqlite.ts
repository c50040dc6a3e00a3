import { createHash } from 'node:crypto'
import type { EngineRecipe } from './engine-recipe.ts'

export const sqlite: EngineRecipe = {
  name: 'sqlite',
  defaultLimits: { memoryMb: 128, cpus: 1, maxSizeMb: 1024, queryTimeoutMs: 30_000 },
  workerSpec({ id, limits }) {
    const { memoryMb, cpus, maxSizeMb } = limits
    const parts = JSON.stringify(['sqlite', memoryMb, cpus, maxSizeMb])
    return {
      databaseId: id,
      engine: 'sqlite',
      limits: { memoryMb, cpus, maxSizeMb },
      hash: createHash('sha256').update(parts).digest('hex').slice(0, 16),
    }
  },
}
