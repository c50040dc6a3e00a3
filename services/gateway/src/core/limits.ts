import {
  type DatabasePatch,
  type LimitName,
  type Limits,
  limitsByRestart,
  type PatchedDatabase,
} from '@db-forge/contract'
import type { EngineRecipe } from '../engines/engine-recipe.ts'
import { AppError } from './app-error.ts'

const KEPT_BY_RUNTIME: ReadonlySet<LimitName> = new Set(['memoryMb', 'cpus', 'pidsMax'])
const KEPT_BY_WORKER: ReadonlySet<LimitName> = new Set(['maxSizeMb', 'sessionQueryTimeoutMs'])

/** Who is to be told that these have changed. The others the gateway looks up each time. */
export const keepersOf = (limits: readonly LimitName[]) => ({
  byRuntime: limits.some((limit) => KEPT_BY_RUNTIME.has(limit)),
  byWorker: limits.some((limit) => KEPT_BY_WORKER.has(limit)),
})

/** What does not run is not restarted for anything. */
export function howApplied(
  changed: readonly LimitName[],
  running: boolean,
): PatchedDatabase['applied'] {
  const restarts = (limit: LimitName) => running && limitsByRestart.includes(limit)
  return {
    live: changed.filter((limit) => !restarts(limit)),
    restart: changed.filter(restarts),
  }
}

/** @throws AppError `request.invalid` for less memory than the engine can work with. */
export function refuseTooLittle(
  { name, memoryMbMin }: EngineRecipe,
  { memoryMb }: DatabasePatch,
): void {
  if (memoryMb === undefined || memoryMb >= memoryMbMin) return
  const detail = `at least ${memoryMbMin} for ${name}`
  throw new AppError('request.invalid', `#/memoryMb: ${detail}`, {
    extra: { errors: [{ pointer: '#/memoryMb', detail }] },
  })
}

export function limitsOf(base: Limits, changes: DatabasePatch): Limits {
  return {
    memoryMb: changes.memoryMb ?? base.memoryMb,
    cpus: changes.cpus ?? base.cpus,
    maxSizeMb: changes.maxSizeMb ?? base.maxSizeMb,
    queryTimeoutMs: changes.queryTimeoutMs ?? base.queryTimeoutMs,
    sessionQueryTimeoutMs: changes.sessionQueryTimeoutMs ?? base.sessionQueryTimeoutMs,
    sleepAfterMs: changes.sleepAfterMs === undefined ? base.sleepAfterMs : changes.sleepAfterMs,
    connectionsMax:
      changes.connectionsMax === undefined ? base.connectionsMax : changes.connectionsMax,
    pidsMax: changes.pidsMax === undefined ? base.pidsMax : changes.pidsMax,
  }
}

export const changedLimits = (before: Limits, after: Limits): LimitName[] =>
  (Object.keys(after) as LimitName[]).filter((limit) => before[limit] !== after[limit])
