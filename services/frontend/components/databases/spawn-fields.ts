import type { DatabaseName, DatabaseSpawn, EngineName } from '@db-forge/contract'

export interface SpawnFields {
  readonly name: string
  readonly engine: EngineName
  readonly memoryMb: string
  readonly cpus: string
  readonly maxSizeMb: string
  readonly queryTimeoutMs: string
  readonly sessionQueryTimeoutMs: string
}

type LimitField = Exclude<keyof SpawnFields, 'name' | 'engine'>

const LIMITS = ['memoryMb', 'cpus', 'maxSizeMb', 'queryTimeoutMs'] as const

/** Sessions are had by clients of PostgreSQL's own protocol. */
export const limitFields: Readonly<Record<EngineName, readonly LimitField[]>> = {
  sqlite: LIMITS,
  postgres: [...LIMITS, 'sessionQueryTimeoutMs'],
}

export const emptySpawn: SpawnFields = {
  name: '',
  engine: 'sqlite',
  memoryMb: '',
  cpus: '',
  maxSizeMb: '',
  queryTimeoutMs: '',
  sessionQueryTimeoutMs: '',
}

interface SpawnCall {
  readonly params: { readonly name: string }
  readonly body: DatabaseSpawn
}

interface SpawnReading {
  readonly call: SpawnCall
  /** What the contract has against a field. */
  readonly problems: Partial<Record<keyof SpawnFields, string>>
}

/** What was typed as a call of the API; limits left empty are left out, as are those that the engine does not have. */
export function readSpawn(
  fields: SpawnFields,
  Name: typeof DatabaseName,
  Spawn: typeof DatabaseSpawn,
): SpawnReading {
  const limits = limitFields[fields.engine]
    .filter((key) => fields[key].trim() !== '')
    .map((key) => [key, Number(fields[key])])
  const body: DatabaseSpawn = { engine: fields.engine, ...Object.fromEntries(limits) }
  const name = fields.name.trim()
  const problems: Record<string, string> = {}
  const named = Name.safeParse(name)
  if (!named.success)
    problems['name'] = name ? (named.error.issues[0]?.message ?? '') : 'A name is needed'
  const limited = Spawn.safeParse(body)
  for (const issue of limited.error?.issues ?? []) problems[String(issue.path[0])] ??= issue.message
  return { call: { params: { name }, body }, problems }
}
