import { engineLimits } from '@db-forge/contract'
import { engineRecipe } from './engine-recipe.ts'

export const postgres = engineRecipe({
  name: 'postgres',
  defaultLimits: engineLimits.postgres.defaults,
  memoryMbMin: engineLimits.postgres.memoryMbMin,
  hasSessions: true,
})
