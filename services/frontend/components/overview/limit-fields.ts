import {
  type Database,
  type DatabasePatch,
  type EngineName,
  type LimitName,
  limitsByRestart,
} from '@db-forge/contract'

export type LimitFields = Readonly<Partial<Record<LimitName, string>>>

const LIMITS = ['memoryMb', 'cpus', 'maxSizeMb', 'queryTimeoutMs', 'pidsMax'] as const

/** Sessions are had by clients of PostgreSQL's own protocol. */
export const limitsOf: Readonly<Record<EngineName, readonly LimitName[]>> = {
  sqlite: LIMITS,
  postgres: [...LIMITS, 'sessionQueryTimeoutMs', 'connectionsMax'],
}

/** Of these, an empty field leaves it to the platform. */
const OPTIONAL: ReadonlySet<LimitName> = new Set(['pidsMax', 'connectionsMax'])

export const isOptional = (limit: LimitName): boolean => OPTIONAL.has(limit)

export const fieldsOf = ({ engine, limits }: Pick<Database, 'engine' | 'limits'>): LimitFields =>
  Object.fromEntries(limitsOf[engine].map((limit) => [limit, String(limits[limit] ?? '')]))

interface LimitReading {
  /** Only what differs. */
  readonly patch: DatabasePatch
  readonly problems: Readonly<Partial<Record<LimitName, string>>>
  /** A running database would restart for it. */
  readonly restarts: boolean
}

/** What was typed as a change of the database, and what the contract has against it. */
export function readLimits(
  fields: LimitFields,
  database: Pick<Database, 'engine' | 'limits' | 'state'>,
  Patch: typeof DatabasePatch,
): LimitReading {
  const problems: Partial<Record<LimitName, string>> = {}
  const changes: [LimitName, number | null][] = []
  for (const limit of limitsOf[database.engine]) {
    const text = (fields[limit] ?? '').trim()
    const value = text === '' ? null : Number(text)
    if (value === null && !isOptional(limit)) problems[limit] = 'A number is needed'
    else if (value !== database.limits[limit]) changes.push([limit, value])
  }
  const patch: DatabasePatch = Object.fromEntries(changes)
  if (changes.length > 0)
    for (const { path, message } of Patch.safeParse(patch).error?.issues ?? [])
      problems[path[0] as LimitName] ??= message
  const restarts =
    database.state === 'running' && changes.some(([limit]) => limitsByRestart.includes(limit))
  return { patch, problems, restarts }
}
