import { type Database, DatabaseState, EngineName } from '@db-forge/contract'

/** Which databases the list shows, as it stands in the address: `?q=shop&engine=postgres&state=asleep`. */
export interface DatabaseFilter {
  /** Part of a name, without regard to case. */
  readonly search: string
  readonly engine: EngineName | null
  readonly state: DatabaseState | null
}

export function readDatabaseFilter(parameters: URLSearchParams): DatabaseFilter {
  const engine = EngineName.safeParse(parameters.get('engine'))
  const state = DatabaseState.safeParse(parameters.get('state'))
  return {
    search: parameters.get('q') ?? '',
    engine: engine.success ? engine.data : null,
    state: state.success ? state.data : null,
  }
}

/** With its question mark; empty where nothing is filtered. */
export function writeDatabaseFilter({ search, engine, state }: DatabaseFilter): string {
  const parameters = new URLSearchParams({
    ...(search ? { q: search } : {}),
    ...(engine ? { engine } : {}),
    ...(state ? { state } : {}),
  })
  return parameters.size > 0 ? `?${parameters}` : ''
}

export function filterDatabases(
  databases: readonly Database[],
  { search, engine, state }: DatabaseFilter,
): readonly Database[] {
  const part = search.trim().toLowerCase()
  return databases.filter(
    (database) =>
      database.name.toLowerCase().includes(part) &&
      (engine === null || database.engine === engine) &&
      (state === null || database.state === state),
  )
}
