import type { DatabaseName, DatabaseSpawn, EngineName } from '@db-forge/contract'

export interface SpawnFields {
  readonly name: string
  readonly engine: EngineName
  readonly memoryMb: string
  readonly cpus: string
  readonly maxSizeMb: string
  readonly queryTimeoutMs: string
}

export const emptySpawn: SpawnFields = {
  name: '',
  engine: 'sqlite',
  memoryMb: '',
  cpus: '',
  maxSizeMb: '',
  queryTimeoutMs: '',
}

interface SpawnCall {
  readonly params: { readonly name: string }
  readonly body?: DatabaseSpawn
}

interface SpawnReading {
  readonly call: SpawnCall
  /** What the contract has against a field. */
  readonly problems: Partial<Record<keyof SpawnFields, string>>
}

/** What was typed as a call of the API; fields left empty are left out. */
export function readSpawn(
  fields: SpawnFields,
  Name: typeof DatabaseName,
  Spawn: typeof DatabaseSpawn,
): SpawnReading {
  const limits = Object.entries(fields)
    .filter(([key, value]) => key !== 'name' && key !== 'engine' && value.trim() !== '')
    .map(([key, value]) => [key, Number(value)])
  const chosen = fields.engine === emptySpawn.engine ? {} : { engine: fields.engine }
  const body = { ...chosen, ...Object.fromEntries(limits) } as DatabaseSpawn
  const name = fields.name.trim()
  const problems: Record<string, string> = {}
  const named = Name.safeParse(name)
  if (!named.success)
    problems['name'] = name ? (named.error.issues[0]?.message ?? '') : 'A name is needed'
  const limited = Spawn.safeParse(body)
  for (const issue of limited.error?.issues ?? []) problems[String(issue.path[0])] ??= issue.message
  return { call: { params: { name }, ...(Object.keys(body).length > 0 ? { body } : {}) }, problems }
}
