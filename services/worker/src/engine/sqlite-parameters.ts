import type { Params } from '@db-forge/contract'
import { WorkerFailure } from '@db-forge/worker-kit'
import { type Binding, toBinding, ValueError } from './sqlite-values.ts'

/** The parameters of a statement, numbered as SQLite does: an entry for each, its name as written, null for `?`. */
export type ParameterSlots = readonly (string | null)[]

const NONE: readonly Binding[] = []

/**
 * The values in the order of the slots.
 * @throws WorkerFailure if they do not fit the parameters.
 */
export function bindArguments(
  slots: ParameterSlots,
  params: Params | undefined,
): readonly Binding[] {
  if (Array.isArray(params)) return byPosition(slots, params)
  if (params === undefined || Object.keys(params).length === 0) return byPosition(slots, NONE)
  return byName(slots, params)
}

const misfit = (detail: string) => new WorkerFailure('sql.params', detail)

function byPosition(slots: ParameterSlots, values: readonly unknown[]): readonly Binding[] {
  if (values.length !== slots.length) {
    const wanted = slots.length === 1 ? '1 parameter' : `${slots.length} parameters`
    throw misfit(`the statement has ${wanted}, and ${values.length} were given`)
  }
  if (slots.length === 0) return NONE
  return slots.map((slot, at) => bindingOf(values[at], slot ?? `${at + 1}`))
}

function byName(
  slots: ParameterSlots,
  values: Readonly<Record<string, unknown>>,
): readonly Binding[] {
  const names = new Set(slots.map((slot) => slot?.slice(1)))
  const nameless = slots.find((slot) => slot === null || slot.startsWith('?'))
  if (nameless !== undefined)
    throw misfit(
      `the statement has the parameter ${nameless ?? '?'}, which takes its value from an array`,
    )
  const missing = [...names].filter((name) => name !== undefined && !Object.hasOwn(values, name))
  if (missing.length > 0)
    throw misfit(`no value for ${missing.map((name) => `:${name}`).join(', ')}`)
  const unknown = Object.keys(values).filter((name) => !names.has(name))
  if (unknown.length > 0)
    throw misfit(`the statement has no parameter named ${unknown.slice(0, 20).join(', ')}`)
  return slots.map((slot) => bindingOf(values[slot?.slice(1) ?? ''], slot ?? ''))
}

function bindingOf(value: unknown, where: string): Binding {
  try {
    return toBinding(value)
  } catch (error) {
    if (error instanceof ValueError) throw misfit(`parameter ${where} ${error.message}`)
    throw error
  }
}
