// Differential fuzzing of the guard: what it lets pass, an authorizer that shares no line with it must find harmless.
//   npm run fuzz [-- --statements 200000 --seed 1]
// The other authorizer is node:sqlite's, in Node 24 or newer: this Node, DBFORGE_NODE24, or the image node:24-trixie-slim.
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { buildGuard } from '../services/worker/native/build.mjs'
import { root } from './build.mjs'

const { values } = parseArgs({
  options: {
    statements: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
  },
})
const STATEMENTS = Number(values.statements)
const ROUND = 2000
const IMAGE = 'node:24-trixie-slim'
const SETTINGS =
  'journal_mode synchronous foreign_keys trusted_schema cache_size max_page_count mmap_size query_only temp_store recursive_triggers journal_size_limit cell_size_check'.split(
    ' ',
  )

const PRAGMAS =
  'journal_mode synchronous database_list user_version table_info foreign_keys cache_size mmap_size optimize defer_foreign_keys writable_schema nonsense integrity_check temp_store locking_mode trusted_schema query_only max_page_count'.split(
    ' ',
  )
/** What may stand in each hole. */
const FILLINGS = {
  A: [
    "attach 'x' as y",
    "attach '' as y",
    'attach ? as y',
    'detach y',
    'detach main',
    "vacuum into 'x'",
    'vacuum',
    'begin',
    'begin immediate',
    'commit',
    'end',
    'rollback',
    'savepoint s',
    'release s',
    'analyze',
    'reindex',
    'rollback to s',
    'analyze t',
    'drop index i',
  ],
  E: ['explain', 'explain query plan', 'EXPLAIN', ''],
  X: [
    '1',
    'a',
    '*',
    "'x'",
    "load_extension('x')",
    'load_extension ( a , b )',
    '"load_extension"(\'x\')',
    "fts3_tokenizer('simple')",
    'FTS3_TOKENIZER(a, b)',
    'abs(a)',
    '(select file from pragma_database_list)',
    'count(*)',
    "json_extract(b, '$')",
    "'load_extension(1)'",
    'max(a) over ()',
    'null',
  ],
  S: [
    't',
    'main.t',
    '"t"',
    "'t'",
    'pragma_database_list',
    '"pragma_database_list"',
    "'pragma_database_list'",
    'PRAGMA_DATABASE_LIST()',
    "pragma_table_info('t')",
    'pragma_user_version',
    'pragma_journal_mode',
    'dbstat',
    'main.dbstat',
    "dbstat('main')",
    'json_each(1)',
    'sqlite_schema',
    'temp.sqlite_schema',
    '(select * from t)',
    ...PRAGMAS.map((name) => `pragma_${name}`),
    ...PRAGMAS.map((name) => `main.pragma_${name}`),
  ],
  M: [
    'fts5(a)',
    'dbstat',
    '"dbstat"',
    "'dbstat'",
    'rtree(a, b, c)',
    'fts4(a)',
    'pragma_database_list',
    'geopoly()',
    'fts5vocab(t, row)',
    'nonsense(a)',
    '[dbstat]',
  ],
  P: [
    ...PRAGMAS,
    ...PRAGMAS,
    ...PRAGMAS.flatMap((name) => [`"${name}"`, `'${name}'`, `[${name}]`]),
  ],
  V: ['0', '1', 'on', 'off', "'x'", 't', '-1', 'main', '"delete"', '1.5', 'full'],
  N: ['n', 'temp.n', 'main.n', 't', 'sqlite_n', '"n"', 'if not exists n', 'pragma_x'],
}

const TEMPLATES = [
  'A',
  'E A',
  'select X from S',
  'E select X from S',
  'with c as (select X from S) select * from c, S',
  'create view v as select X from S',
  'create temp view v as select X from S',
  'insert into t select X, X from S',
  'update t set a = X where b in (select X from S)',
  'delete from t where exists (select X from S)',
  'create virtual table w using M',
  'E create virtual table N using M',
  'pragma P',
  'pragma P = V',
  'pragma P(V)',
  'pragma main.P',
  'pragma main . P = V',
  'E pragma P = V',
  'select X union all select X from S',
  'create trigger g after insert on t begin select X from S; end',
  'create table N as select X from S',
  'create temp table N (a default (X))',
  'select X from (select X from (select X from S))',
  'select * from S join S using (a)',
  'insert into t values (X, X) on conflict do update set a = X returning X',
  'create index N on t (X)',
  'drop table N',
  'alter table t add column c default (X)',
  'values (X), (X)',
]

const oracle = startOracle()
if (!oracle) {
  console.log(`fuzz: skipped, there is neither a Node 24 nor the image ${IMAGE}`)
  process.exit(0)
}
const random = generator(Number(values.seed))
const folder = mkdtempSync(join(tmpdir(), 'dbf-fuzz-'))
const guarded = openGuarded()
const before = guarded.settings()
const startedAt = performance.now()
let prepared = 0
let denied = 0
const bypasses = []
const falseAlarms = new Map()
for (let done = 0; done < STATEMENTS; done += ROUND) {
  const statements = Array.from({ length: ROUND }, statement)
  const verdicts = await oracle.judge(statements)
  for (const [at, sql] of statements.entries()) compare(sql, verdicts[at])
  if (JSON.stringify(guarded.settings()) !== JSON.stringify(before))
    bypasses.push(`a setting has changed in round ${done}`)
}
oracle.end()
guarded.close()
rmSync(folder, { recursive: true })
const seconds = (performance.now() - startedAt) / 1000
console.log(
  `fuzz: ${STATEMENTS} statements in ${seconds.toFixed(1)} s, seed ${values.seed}: ${prepared} prepared, ${denied} denied, ${bypasses.length} bypasses, ${falseAlarms.size} kinds of false alarm`,
)
for (const [why, sql] of [...falseAlarms].slice(0, 20))
  console.log(`  false alarm: ${why}: ${JSON.stringify(sql)}`)
for (const bypass of bypasses.slice(0, 20)) console.log(`  BYPASS ${bypass}`)
process.exit(bypasses.length > 0 ? 1 : 0)

function compare(sql, verdict) {
  const refusal = guarded.prepare(sql)
  if (refusal === null) prepared += 1
  else if (refusal.code === 23) denied += 1
  if (refusal === null && verdict) bypasses.push(`${verdict}: ${JSON.stringify(sql)}`)
  if (refusal?.code === 23 && verdict === '' && !/^VACUUM INTO/.test(refusal.message))
    falseAlarms.set(refusal.message, sql)
}

function openGuarded() {
  const library = buildGuard()
  const module = { exports: {} }
  process.dlopen(module, library)
  const native = module.exports
  const Database = createRequire(join(root, 'services/worker/package.json'))('better-sqlite3')
  const db = new Database(join(folder, 'main.sqlite'))
  db.pragma('journal_mode = WAL')
  db.exec('create table t (a primary key, b references t(a)); create index i on t (b)')
  db.loadExtension(library)
  const connection = native.lastGuard()
  return {
    prepare(sql) {
      try {
        native.finalize(connection, native.prepare(connection, sql, 0).id)
        return null
      } catch (error) {
        if (error.resultCode === undefined) throw error
        return { code: error.resultCode & 0xff, message: error.message }
      }
    },
    settings: () => SETTINGS.map((name) => db.pragma(name, { simple: true })),
    close() {
      native.close(connection)
      db.close()
    },
  }
}

function startOracle() {
  const script = join(root, 'scripts/fuzz-oracle.mjs')
  const node = [process.execPath, process.env.DBFORGE_NODE24].find(
    (path) => path && majorOf(path) >= 24,
  )
  const hasImage = () =>
    spawnSync('docker', ['image', 'inspect', IMAGE], { stdio: 'ignore' }).status === 0
  if (!node && !hasImage()) return null
  const inImage = [
    'run',
    '--rm',
    '-i',
    '--network',
    'none',
    '-v',
    `${script}:/oracle.mjs:ro`,
    IMAGE,
    'node',
    '/oracle.mjs',
  ]
  const child = node
    ? spawn(node, [script], { stdio: ['pipe', 'pipe', 'inherit'] })
    : spawn('docker', inImage, { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    async judge(statements) {
      child.stdin.write(`${statements.map((sql) => JSON.stringify(sql)).join('\n')}\n\n`)
      const verdicts = []
      while (verdicts.length < statements.length) {
        const { value, done } = await lines.next()
        if (done) throw new Error('the oracle has ended')
        verdicts.push(JSON.parse(value))
      }
      return verdicts
    },
    end: () => child.stdin.end(),
  }
}

function majorOf(path) {
  const { stdout } = spawnSync(path, ['--version'], { encoding: 'utf8' })
  return Number(/^v(\d+)/.exec(stdout ?? '')?.[1] ?? 0)
}

/** Statements that are nearly right: a template whose holes and blanks are filled at random, sometimes mutated. */
function statement() {
  const filled = pick(TEMPLATES).replace(/\b[AEXSMPVN]\b/g, (hole) => pick(FILLINGS[hole]))
  const blanks = [
    '\t',
    '\n',
    '\v',
    '\f',
    ' \v',
    '\r\n',
    '/**/',
    '/* x',
    '-- \n',
    '\uFEFF',
    ' ; ',
    '',
  ]
  const spaced = filled.replace(/ /g, () => (random() < 0.12 ? pick(blanks) : ' '))
  return random() < 0.15 ? mutate(spaced) : spaced
}

function mutate(text) {
  const at = Math.floor(random() * text.length)
  const rest = text.slice(at + 1 + Math.floor(random() * 3))
  return `${text.slice(0, at)}${pick(["'", '"', '(', ')', ';', ',', '.', '\u000b', '/*', '--', ' ', '[', ']', '\u00a0', ''])}${rest}`
}

function pick(list) {
  return list[Math.floor(random() * list.length)]
}

/** mulberry32 */
function generator(seed) {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}
