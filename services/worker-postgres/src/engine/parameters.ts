import type { InputValue, Params } from '@db-forge/contract'
import { WorkerFailure } from '@db-forge/worker-kit'
import type { Binding } from '../wire/requests.ts'

const PARAMETERS_MAX = 65_535

/**
 * Parameters for `$1`, `$2`, … as text whose type the server settles.
 * @throws WorkerFailure for named ones: only the server's own parser could tell where they stand.
 */
export function bindingsOf(params: Params | undefined): readonly Binding[] {
  if (params === undefined) return []
  if (!Array.isArray(params)) {
    if (Object.keys(params).length === 0) return []
    throw new WorkerFailure(
      'sql.params',
      'PostgreSQL takes parameters by position, from an array, as $1, $2, …',
    )
  }
  if (params.length > PARAMETERS_MAX)
    throw new WorkerFailure('sql.params', `a statement has at most ${PARAMETERS_MAX} parameters`)
  return params.map(bindingOf)
}

function bindingOf(value: InputValue, at: number): Binding {
  if (value === null || typeof value === 'string') return refuseNul(value, at)
  if (typeof value === 'boolean' || typeof value === 'number') return String(value)
  if (typeof value === 'object') {
    if ('$integer' in value) return String(value.$integer)
    if ('$real' in value) return String(value.$real)
    if ('$text' in value) return refuseNul(String(value.$text), at)
    if ('$blob' in value) return Buffer.from(String(value.$blob), 'base64')
  }
  throw new WorkerFailure('sql.params', `parameter $${at + 1} is no value`)
}

function refuseNul(text: string | null, at: number): string | null {
  if (text?.includes('\0'))
    throw new WorkerFailure(
      'sql.params',
      `parameter $${at + 1} has a character U+0000, which PostgreSQL's text cannot hold`,
    )
  return text
}
