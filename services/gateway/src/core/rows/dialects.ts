import type { EngineName } from '@db-forge/contract'
import type { Dialect } from './dialect.ts'
import { postgres } from './postgres-dialect.ts'
import { sqlite } from './sqlite-dialect.ts'

/** An engine without one does not compile. */
export const dialects: Readonly<Record<EngineName, Dialect>> = { sqlite, postgres }
