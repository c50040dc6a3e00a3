import type { Params } from '@db-forge/contract'
import { WorkerFailure } from '../worker-failure.ts'
import { tokenize } from './sqlite-lexer.ts'
import { type Binding, toBinding, ValueError } from './sqlite-values.ts'

/** The parameters of a statement, numbered as SQLite does: an entry for each, its name as written, null for `?`. */
export type ParameterSlots = readonly (string | null)[]

/** SQLite's own limit. */
const SLOTS_MAX = 32_766

export function parameterSlots(sql: string): ParameterSlots {
  if (!/[?:@$#]/.test(sql)) return []
  const slots: (string | null)[] = []
  const slotOf = new Map<string, number>()
  for (const { kind, text } of tokenize(sql)) {
    if (kind !== 'parameter' || slotOf.has(text)) continue
    const number = text.startsWith('?') && text !== '?' ? Number(text.slice(1)) : slots.length + 1
    if (number < 1 || number > SLOTS_MAX) continue
    while (slots.length < number) slots.push(null)
    if (text === '?') continue
    slotOf.set(text, number)
    slots[number - 1] ??= text
  }
  return slots
}

/** Arguments for better-sqlite3, which binds the nameless from an array and all others from one object. */
export type BindArguments =
  | readonly []
  | readonly [Binding[]]
  | readonly [Binding[], Record<string, Binding>]

/** @throws WorkerFailure if the values do not fit the parameters. */
export function bindArguments(slots: ParameterSlots, params: Params | undefined): BindArguments {
  if (Array.isArray(params)) return byPosition(slots, params)
  if (params === undefined || Object.keys(params).length === 0) return byPosition(slots, [])
  return byName(slots, params)
}

const misfit = (detail: string) => new WorkerFailure('sql.params', detail)

function byPosition(slots: ParameterSlots, values: readonly unknown[]): BindArguments {
  if (values.length !== slots.length) {
    const wanted = slots.length === 1 ? '1 parameter' : `${slots.length} parameters`
    throw misfit(`the statement has ${wanted}, and ${values.length} were given`)
  }
  if (slots.length === 0) return []
  return toArguments(slots, (_, at) => values[at])
}

function byName(slots: ParameterSlots, values: Readonly<Record<string, unknown>>): BindArguments {
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
  return toArguments(slots, (name) => values[name])
}

function toArguments(
  slots: ParameterSlots,
  valueAt: (name: string, at: number) => unknown,
): BindArguments {
  const nameless: Binding[] = []
  let named: Record<string, Binding> | undefined
  for (let at = 0; at < slots.length; at += 1) {
    const slot = slots[at] ?? null
    const name = slot === null ? '' : slot.slice(1)
    const binding = bindingOf(valueAt(name, at), slot ?? `${at + 1}`)
    if (slot === null) nameless.push(binding)
    else {
      named ??= Object.create(null) as Record<string, Binding>
      if (name in named && named[name] !== binding)
        throw misfit(`two parameters are named ${name}: give their value by name`)
      named[name] = binding
    }
  }
  return named ? [nameless, named] : [nameless]
}

function bindingOf(value: unknown, where: string): Binding {
  try {
    return toBinding(value)
  } catch (error) {
    if (error instanceof ValueError) throw misfit(`parameter ${where} ${error.message}`)
    throw error
  }
}
