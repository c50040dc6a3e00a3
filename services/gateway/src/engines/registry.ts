import type { EngineRegistry } from './engine-recipe.ts'
import { sqlite } from './sqlite.ts'

export const engines: EngineRegistry = { sqlite }
