import { engineRecipe } from './engine-recipe.ts'

export const postgres = engineRecipe({
  name: 'postgres',
  defaultLimits: {
    memoryMb: 256,
    cpus: 1,
    maxSizeMb: 1024,
    queryTimeoutMs: 30_000,
    sessionQueryTimeoutMs: 0,
  },
  memoryMbMin: 128,
  hasSessions: true,
})
