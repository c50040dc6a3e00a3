import {
  type Database,
  type DatabaseAction,
  databaseActions,
  databaseCan,
} from '@db-forge/contract'

/** Why an action is not possible now, from the contract's table; null if it is. */
export function reasonAgainst(
  action: DatabaseAction,
  database: Pick<Database, 'state'>,
): string | null {
  if (databaseCan(action, database)) return null
  return `It is ${database.state}; this needs it ${listed(databaseActions[action])}.`
}

const listed = (words: readonly string[]) =>
  words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
