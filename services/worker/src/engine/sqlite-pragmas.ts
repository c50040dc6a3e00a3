import { denied } from '../worker-failure.ts'
import { keywordOf, nameOf, type TokenReader } from './sqlite-lexer.ts'

const words = (text: string) => new Set(text.trim().split(/\s+/))

/** Read without an argument. `database_list` is not among them: it would tell the path. */
const PLAIN = words(`
  application_id auto_vacuum busy_timeout cache_size cache_spill cell_size_check collation_list compile_options
  data_version defer_foreign_keys encoding foreign_key_check foreign_keys freelist_count function_list
  integrity_check journal_mode journal_size_limit max_page_count mmap_size module_list optimize page_count
  page_size pragma_list query_only quick_check recursive_triggers schema_version secure_delete synchronous
  table_list temp_store trusted_schema user_version wal_autocheckpoint`)

/** The argument says what to look at. */
const WITH_ARGUMENT = words(`
  foreign_key_check foreign_key_list index_info index_list index_xinfo integrity_check optimize quick_check
  table_info table_list table_xinfo`)

/** The argument is a new value: kept in the database, or forgotten at the end of the transaction. */
const SETTABLE = words('application_id defer_foreign_keys user_version')

const ON = words('on yes true 1')

/**
 * Reads on behind PRAGMA.
 * @returns whether it changes something.
 * @throws WorkerFailure unless name and form are on the list.
 */
export function checkPragma(tokens: TokenReader, explain: boolean): boolean {
  if (explain) throw denied('EXPLAIN PRAGMA is not allowed: a PRAGMA acts even so')
  let name = nameOf(tokens.next())
  if (tokens.now?.text === '.') {
    tokens.next()
    name = nameOf(tokens.next())
  }
  const argued = tokens.now !== undefined && tokens.now.text !== ';'
  if (argued && SETTABLE.has(name)) return true
  if (argued && name === 'foreign_keys' && setsOn(tokens)) return false
  if (!WITH_ARGUMENT.has(name) && (argued || !PLAIN.has(name))) throw refusal(name, argued)
  return name === 'optimize'
}

/** Foreign keys are on already, so scripts that begin by saying so may. */
function setsOn(tokens: TokenReader): boolean {
  const assigns = tokens.next()?.text === '='
  return assigns && ON.has(keywordOf(tokens.now) || nameOf(tokens.now))
}

function refusal(name: string, argued: boolean): Error {
  const pragma = `PRAGMA ${name.slice(0, 100)}`
  if (name === 'foreign_keys')
    return denied(
      `${pragma} cannot be switched off; in a batch, PRAGMA defer_foreign_keys = ON checks them at its end`,
    )
  return denied(
    argued && PLAIN.has(name) ? `${pragma} can be read here, not set` : `${pragma} is not allowed`,
  )
}
