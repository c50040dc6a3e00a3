import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { EngineUnderTest, failure } from '../testing/engine.ts'

const DENIED = [
  "attach '/tmp/x.db' as x",
  'ATTACH ? AS x',
  "/* a */ attach/**/'x' as y",
  "-- c\n;;; \t\vattach 'x' as y",
  "\uFEFFattach 'x' as y",
  'detach main',
  "explain attach 'x' as y",
  "explain query plan attach 'x' as y",
  "vacuum into 'copy.db'",
  "vacuum main into 'copy.db'",
  "explain vacuum into 'x'",
  'vacuum into ?',
  "vacuum 'main' into 'x'",
  "select load_extension('x')",
  'select "load_extension"(\'x\')',
  "select [load_extension] ('x')",
  "select load_extension/**/('x')",
  "select fts3_tokenizer('simple')",
  'pragma journal_mode = memory',
  'pragma journal_mode(delete)',
  'pragma synchronous=0',
  'PRAGMA main.synchronous = OFF',
  'pragma "synchronous"=0',
  "pragma 'main'.'synchronous' = 0",
  'pragma [synchronous]=0',
  'pragma/**/synchronous/**/=/**/0',
  'pragma\n--x\nsynchronous = 0',
  'explain pragma synchronous=0',
  'explain query plan pragma synchronous=0',
  'pragma max_page_count = 1000000',
  'pragma cache_size = 1000000',
  'pragma cache_size(-1000000)',
  'pragma mmap_size = 1000000000',
  'pragma locking_mode = exclusive',
  'pragma locking_mode',
  'pragma writable_schema = 1',
  'pragma trusted_schema = 1',
  'pragma foreign_keys = off',
  'pragma foreign_keys(0)',
  'pragma query_only = 0',
  'pragma busy_timeout = 0',
  'pragma hard_heap_limit = 1',
  'pragma temp_store = 2',
  "pragma temp_store_directory = '/'",
  'pragma wal_checkpoint',
  'pragma database_list',
  'pragma nonsense',
  'select * from pragma_database_list',
  'select * from "pragma_database_list"',
  "select * from 'pragma_database_list'",
  'select * from PRAGMA_DATABASE_LIST()',
  "select * from t, 'pragma_database_list'",
  'with x as (select * from pragma_database_list) select * from x',
  'create virtual table x using dbstat',
  'create \v virtual table x using "dbstat"',
  "create virtual table if not exists x using 'fts4'(a)",
  'begin',
  'begin immediate',
  'commit',
  'end',
  'rollback',
  'savepoint a',
  'release a',
  'explain begin',
  'select 1\0',
  "select 'a\0b'",
]

const ALLOWED = [
  'pragma table_info(t)',
  'pragma table_info = t',
  "pragma main.table_xinfo('t')",
  'pragma index_list(t)',
  'pragma index_info(i)',
  'pragma foreign_key_list(t)',
  'pragma foreign_key_check',
  'pragma foreign_key_check(t)',
  'pragma integrity_check',
  'pragma integrity_check(5)',
  'pragma quick_check',
  'pragma user_version',
  'pragma user_version = 7',
  'explain pragma user_version',
  'pragma application_id = 9',
  'pragma page_count',
  'pragma page_size',
  'pragma freelist_count',
  'pragma encoding',
  'pragma compile_options',
  'pragma table_list',
  'pragma function_list',
  'pragma collation_list',
  'pragma data_version',
  'pragma optimize',
  'pragma journal_mode',
  'pragma synchronous;',
  'pragma foreign_keys = ON',
  'pragma defer_foreign_keys = on',
  'vacuum',
  'VACUUM main;',
  'analyze',
  'reindex',
  "select 'attach', 'load_extension(x)', 'pragma journal_mode=off'",
  "select 'pragma_database_list'",
  "select * from t where a = 'pragma_database_list'",
  'select load_extension from (select 1 as load_extension)',
  "select * from pragma_table_info('t')",
  'select * from pragma_user_version',
  ' ; ; select 1 ;',
  '\uFEFF select 1',
  '/* leading */ select 1 -- trailing',
  'explain select 1',
  'explain query plan select * from t',
  'values (1)',
  'with x as (select 1) select * from x',
  'create virtual table ft using fts5(a)',
  'create virtual table rt using "rtree"(id, a, b)',
]

const SETTINGS = [
  'journal_mode',
  'synchronous',
  'foreign_keys',
  'trusted_schema',
  'cache_size',
  'max_page_count',
  'mmap_size',
  'busy_timeout',
  'query_only',
  'temp_store',
  'recursive_triggers',
  'journal_size_limit',
]

let db: EngineUnderTest
beforeAll(() => {
  db = new EngineUnderTest()
  db.query('create table t (a primary key, b references t(a))')
  db.query('create index i on t (a)')
})
afterAll(() => db.close())

const settings = () => SETTINGS.map((name) => db.value(`pragma ${name}`))

describe('the guard', () => {
  test.each(DENIED)('refuses %j', (sql) => {
    const before = settings()
    expect(failure(() => db.query(sql)).code).toBe('sql.denied')
    expect(failure(() => db.batch([sql])).code).toBe('sql.denied')
    expect(settings()).toEqual(before)
  })

  test.each(ALLOWED)('lets %j pass', (sql) => {
    expect(db.query(sql).rows).toBeInstanceOf(Array)
  })

  test('a transaction word says what to do instead', () => {
    expect(failure(() => db.query('begin')).message).toContain('batch')
  })

  test('a first word that SQL does not know is a syntax error with its place', () => {
    const { code, message, details } = failure(() => db.query('\n  selec 1'))
    expect({ code, message }).toEqual({ code: 'sql.error', message: 'near "selec": syntax error' })
    expect(details.position).toEqual({ offset: 3, line: 2, column: 3 })
  })

  test('whatever is sent, settings stay as they are and no path is told', () => {
    const before = settings()
    const words = fc.constantFrom(
      ...'pragma explain query plan attach vacuum into select from pragma_database_list synchronous journal_mode cache_size'.split(
        ' ',
      ),
      ...[
        ';',
        '=',
        '(',
        ')',
        '0',
        "'x'",
        '"main"',
        '.',
        'main',
        ',',
        '*',
        'as',
        '[',
        "'",
        '/*',
        '*/',
        '--',
        '\n',
      ],
    )
    const blanks = fc.constantFrom(' ', '\t', '\v', '\f', '\uFEFF', '/**/', '\r\n', ' \v', '')
    const statement = fc
      .array(fc.tuple(words, blanks), { maxLength: 12 })
      .map((parts) => parts.flat().join(''))
    fc.assert(
      fc.property(statement, (sql) => {
        try {
          expect(JSON.stringify(db.query(sql))).not.toContain('main.sqlite')
        } catch (error) {
          if (error instanceof Error && error.name !== 'WorkerFailure') throw error
        }
      }),
      { numRuns: 5000 },
    )
    expect(settings()).toEqual(before)
  })
})
