import type { EngineRegistry } from './engine-recipe.ts'
import { postgres } from './postgres.ts'
import { sqlite } from './sqlite.ts'

export const engines: EngineRegistry = { sqlite, postgres }
