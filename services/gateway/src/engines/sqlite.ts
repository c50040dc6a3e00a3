import { engineLimits } from '@db-forge/contract'
import { engineRecipe } from './engine-recipe.ts'

export const sqlite = engineRecipe({
  name: 'sqlite',
  defaultLimits: engineLimits.sqlite.defaults,
  memoryMbMin: engineLimits.sqlite.memoryMbMin,
  hasSessions: false,
})
