import { engineRecipe } from './engine-recipe.ts'

export const sqlite = engineRecipe({
  name: 'sqlite',
  defaultLimits: {
    memoryMb: 128,
    cpus: 1,
    maxSizeMb: 1024,
    queryTimeoutMs: 30_000,
    sessionQueryTimeoutMs: 0,
  },
  memoryMbMin: 64,
  hasSessions: false,
})
