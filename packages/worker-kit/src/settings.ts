import type { ConfigureCommand } from '@db-forge/contract/wire'
import { parseJson } from './request.ts'
import { WorkerFailure } from './worker-failure.ts'

/** It goes into SQL where the engine has names of databases, so nothing else than this may make it up. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/
const SIZE_MB_MAX = 16_777_216

/** Heeds the gateway that leads, and none that did so before. What need not come from it has no term. */
export class Leadership {
  #term = 0

  /** @throws WorkerFailure `gateway.stale` for one whose term has ended. */
  admit({ term }: { readonly term: number | null }): void {
    if (term === null) return
    if (term < this.#term)
      throw new WorkerFailure('gateway.stale', `term ${term} has ended; this is ${this.#term}`)
    this.#term = term
  }
}

/** @throws WorkerFailure */
export function parseConfigure(payload: Uint8Array): ConfigureCommand {
  const { term, maxSizeMb, readOnly, databaseName, sessionQueryTimeoutMs } = parseJson(payload)
  const fits =
    isTerm(term) &&
    isCount(maxSizeMb, SIZE_MB_MAX) &&
    maxSizeMb > 0 &&
    (readOnly === null || readOnly === 'disk') &&
    typeof databaseName === 'string' &&
    NAME.test(databaseName) &&
    isCount(sessionQueryTimeoutMs, Number.MAX_SAFE_INTEGER)
  if (!fits) throw new WorkerFailure('request.invalid', 'settings that are none')
  return { term, maxSizeMb, readOnly, databaseName, sessionQueryTimeoutMs }
}

export const isTerm = (value: unknown): value is number => isCount(value, Number.MAX_SAFE_INTEGER)

const isCount = (value: unknown, most: number): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most
