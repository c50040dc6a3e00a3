import type { Database, RealtimeChange } from '@db-forge/contract'

export type Verdict = 'apply' | 'ignore' | 'resync'

/** What to do with a change after number `seq`; null: there was no snapshot yet. */
export function verdictOn(seq: number | null, change: Pick<RealtimeChange, 'seq'>): Verdict {
  if (seq === null || change.seq > seq + 1) return 'resync'
  return change.seq === seq + 1 ? 'apply' : 'ignore'
}

/** The newer of two sights of a database; an answer and an event may overtake one another. */
export function newerOf(known: Database | undefined, seen: Database): Database {
  return known && known.id === seen.id && known.revision > seen.revision ? known : seen
}

const byName = (a: Database, b: Database) => (a.name.toLowerCase() < b.name.toLowerCase() ? -1 : 1)

export const sortedByName = (list: readonly Database[]): readonly Database[] =>
  list.toSorted(byName)

/** The list with this database in it, sorted by name. */
export function withDatabase(list: readonly Database[], seen: Database): readonly Database[] {
  const known = list.find((database) => database.id === seen.id)
  if (known) {
    const newer = newerOf(known, seen)
    return newer === known ? list : list.map((database) => (database === known ? newer : database))
  }
  // A name that was deleted and spawned again has a new id.
  const others = list.filter(({ name }) => name.toLowerCase() !== seen.name.toLowerCase())
  return sortedByName([...others, seen])
}

export function withoutDatabase(list: readonly Database[], id: string): readonly Database[] {
  return list.filter((database) => database.id !== id)
}
