// Reads statements, one JSON string per line; answers for each which forbidden thing node:sqlite's own authorizer saw
// while it prepared it: "" for none, or null if SQLite could make nothing of it. Runs on Node 24 or newer.
import { createInterface } from 'node:readline'
import { constants, DatabaseSync } from 'node:sqlite'

const HARMLESS_PRAGMAS =
  /^(application_id|auto_vacuum|busy_timeout|cache_size|cache_spill|cell_size_check|collation_list|compile_options|data_version|defer_foreign_keys|encoding|foreign_key_check|foreign_keys|freelist_count|function_list|integrity_check|journal_mode|journal_size_limit|max_page_count|mmap_size|module_list|optimize|page_count|page_size|pragma_list|query_only|quick_check|recursive_triggers|schema_version|secure_delete|synchronous|table_list|temp_store|trusted_schema|user_version|wal_autocheckpoint)$/i
const LOOKING_PRAGMAS =
  /^(foreign_key_check|foreign_key_list|index_info|index_list|index_xinfo|integrity_check|optimize|quick_check|table_info|table_list|table_xinfo|application_id|defer_foreign_keys|user_version)$/i
const names = Object.fromEntries(
  Object.entries(constants)
    .filter(
      ([name]) => /^SQLITE_[A-Z_]+$/.test(name) && !/^SQLITE_(OK|DENY|IGNORE|CHANGESET)/.test(name),
    )
    .map(([name, code]) => [code, name.slice('SQLITE_'.length)]),
)

let seen = ''
const db = new DatabaseSync(':memory:')
db.exec('create table t (a primary key, b references t(a)); create index i on t (b)')
db.setAuthorizer((code, a, b, schema) => {
  const found = forbidden(names[code] ?? `${code}`, a, b, schema)
  seen ||= found
  return found ? constants.SQLITE_DENY : constants.SQLITE_OK
})

function forbidden(action, a, b, schema) {
  if (/^(ATTACH|DETACH|TRANSACTION|SAVEPOINT)$/.test(action)) return action
  if (/TEMP/.test(action) || (/^(CREATE|DROP)_/.test(action) && schema === 'temp')) return 'TEMP'
  if (action === 'FUNCTION' && /^(load_extension|fts3_tokenizer)$/i.test(b)) return `FUNCTION ${b}`
  if (action === 'CREATE_VTABLE' && !/^(fts5|fts5vocab|rtree|rtree_i32|geopoly)$/i.test(b))
    return `MODULE ${b}`
  if (action === 'READ' && /^dbstat$/i.test(a)) return 'dbstat'
  const table = action === 'READ' && /^pragma_(.*)$/i.exec(a)?.[1]
  if (table && !HARMLESS_PRAGMAS.test(table) && !LOOKING_PRAGMAS.test(table)) return `TABLE ${a}`
  if (table && /^optimize$/i.test(table)) return `TABLE ${a}`
  if (action !== 'PRAGMA') return ''
  if (/^foreign_keys$/i.test(a) && /^(on|yes|true|1)$/i.test(b ?? 'on')) return ''
  const harmless = LOOKING_PRAGMAS.test(a) || (b === null && HARMLESS_PRAGMAS.test(a))
  return harmless ? '' : `PRAGMA ${a}`
}

function judge(sql) {
  seen = ''
  try {
    db.prepare(sql)
  } catch {
    return seen || null
  }
  return seen
}

const answers = []
for await (const line of createInterface({ input: process.stdin })) {
  if (line === '') process.stdout.write(`${answers.splice(0).join('\n')}\n`)
  else answers.push(JSON.stringify(judge(JSON.parse(line))))
}
