import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import Database from 'better-sqlite3'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { EngineUnderTest, failure } from '../testing/engine.ts'

const CANARY = 'a secret of another tenant'

let db: EngineUnderTest
let neighbour: string
beforeAll(() => {
  db = new EngineUnderTest()
  db.query('create table t (id integer primary key, v text)')
  db.query('create table target (id integer primary key, v text)')
  neighbour = join(dirname(db.path), 'neighbour')
  mkdirSync(neighbour)
  const other = new Database(join(neighbour, 'main.sqlite'))
  other.exec('create table secrets (v)')
  other.prepare('insert into secrets values (?)').run(CANARY)
  other.close()
  writeFileSync(join(neighbour, 'plain.txt'), CANARY)
})
afterAll(() => db.close())

/** Each is refused with `sql.denied`, or SQLite itself cannot make anything of it. */
const attacks = () => {
  const file = `${neighbour}/main.sqlite`
  return [
    `attach '${file}' as x`,
    `attach 'file:${file}?mode=ro' as x`,
    `attach (select '${file}') as x`,
    `attach ('${file}') as x`,
    "attach '' as x",
    "attach ':memory:' as x",
    `explain attach '${file}' as x`,
    `vacuum into '${neighbour}/copy.sqlite'`,
    `vacuum main into ('${neighbour}/' || 'copy.sqlite')`,
    `;; /* */ -- x\n vacuum into '${neighbour}/copy.sqlite'`,
    `\uFEFFvacuum into '${neighbour}/copy.sqlite'`,
    `explain vacuum into '${neighbour}/copy.sqlite'`,
    `select readfile('${neighbour}/plain.txt')`,
    `select writefile('${neighbour}/made.txt', 'x')`,
    `select load_extension('${neighbour}/main.sqlite')`,
    `select edit('x', 'cat ${neighbour}/plain.txt')`,
    `create virtual table x using csv(filename='${neighbour}/plain.txt')`,
    `create virtual table x using fsdir('${neighbour}')`,
    'create virtual table x using fts4(a)',
    'create virtual table x using fts3tokenize(simple)',
    'create virtual table x using pragma_database_list',
    'create virtual table temp.x using fts5(a)',
    'select * from dbstat',
    'select count(*) from main.dbstat',
    'select file from pragma_database_list',
    'select count(*) from pragma_database_list',
    "select (select group_concat(file) from pragma_database_list) from t union select ''",
    'with a as (with b as (with c as (select file from pragma_database_list) select * from c) select * from b) select * from a',
    "select 1 where exists (select load_extension('x'))",
    "select 1 from t order by fts3_tokenizer('simple')",
    "insert into t (v) values (load_extension('x'))",
    "update t set v = fts3_tokenizer('simple')",
    "select json_group_array(value) from json_each((select load_extension('x')))",
    "select pragma_user_version.* from pragma_user_version, pragma_database_list('x')",
    'pragma database_list',
    'pragma main.database_list',
    'pragma temp_store_directory',
    `pragma temp_store_directory = '${neighbour}'`,
    `pragma data_store_directory = '${neighbour}'`,
    'pragma wal_checkpoint(truncate)',
    'pragma main . journal_mode = delete',
    'explain query plan pragma journal_mode = delete',
    'pragma writable_schema = on',
    'pragma writable_schema = reset',
    'pragma ignore_check_constraints = on',
    'pragma recursive_triggers = on',
    'pragma secure_delete = off',
    'pragma hard_heap_limit = 1',
    'pragma threads = 8',
    'pragma incremental_vacuum',
    'pragma auto_vacuum = 2',
    'pragma page_size = 512',
    "pragma encoding = 'UTF-16'",
    'pragma schema_version = 99',
    'pragma shrink_memory',
    'pragma analysis_limit = 1',
    'pragma case_sensitive_like = on',
    'pragma legacy_alter_table = on',
    'pragma reverse_unordered_selects = on',
    'pragma lock_status',
    'pragma stats',
    "update sqlite_schema set sql = 'x'",
    'delete from sqlite_master',
    "insert into sqlite_schema values ('table', 'x', 'x', 0, 'create table x (a)')",
    'create temp table x (a)',
    'create temporary view t as select 1',
    'create temp trigger x after insert on main.t begin delete from main.t; end',
    'create table temp.x (a)',
    'create index temp.x on t (v)',
    'drop table temp.x',
    'begin exclusive',
    'end transaction',
    'rollback to savepoint a',
    'explain commit',
  ]
}

const listing = () => readdirSync(dirname(db.path), { recursive: true }).sort()

describe('hostile statements', () => {
  test('are refused, one by one, as a query, read-only and in a batch', () => {
    const before = listing()
    for (const sql of attacks())
      for (const run of [
        () => db.query(sql),
        () => db.query(sql, [], { readOnly: true }),
        () => db.batch([sql]),
        () => db.query(`explain ${sql}`),
      ]) {
        const { code, message } = failure(run)
        expect([sql, code]).toEqual([sql, code === 'sql.error' ? 'sql.error' : 'sql.denied'])
        expect(message).not.toContain(CANARY)
      }
    expect(listing()).toEqual(before)
  })

  test('are refused where a view, a trigger or a default hides them', () => {
    for (const [name, body] of [
      ['paths', 'select file from pragma_database_list'],
      ['loads', "select load_extension('x')"],
      ['pages', 'select * from dbstat'],
    ] as const) {
      db.query(`create view ${name} as ${body}`)
      db.query(`create view around_${name} as select * from (select * from ${name})`)
      // SQLite itself may be the one that refuses a function in a view, which it does not trust.
      const refused = /^sql\.(?:denied|error)$/
      expect(failure(() => db.query(`select * from ${name}`)).code).toMatch(refused)
      expect(failure(() => db.query(`select count(*) from around_${name}`)).code).toMatch(refused)
      db.query(
        `create trigger by_${name} after insert on target begin update t set v = (select 1 from ${name}); end`,
      )
      expect(failure(() => db.query("insert into target (v) values ('x')")).code).toMatch(refused)
      db.query(`drop trigger by_${name}`)
    }
    db.query("create table d (a, b default (load_extension('x')))")
    expect(failure(() => db.query('insert into d (a) values (1)')).code).toMatch(/^sql\./)
  })

  test('cannot reach the guard: it adds no function to the connection', () => {
    const names = db.query('pragma function_list').rows as { name: string }[]
    const plain = new Database(':memory:')
    const builtIn = plain.pragma('function_list') as { name: string }[]
    plain.close()
    expect(new Set(names.map(({ name }) => name))).toEqual(new Set(builtIn.map(({ name }) => name)))
  })

  test('a table of a tenant may be named like a module that is not there', () => {
    db.query('create table completion (a)')
    expect(db.query('insert into completion values (1)').rowsAffected).toBe(1)
  })
})

describe('what honest users need', () => {
  test('full-text and spatial tables are written, read, and read by read-only callers', () => {
    db.batch([
      'create virtual table words using fts5(a)',
      "insert into words values ('hello world')",
    ])
    db.batch([
      'create virtual table boxes using rtree(id, low, high)',
      'insert into boxes values (7, 1, 2)',
    ])
    const again = new EngineUnderTest()
    again.batch(['create virtual table boxes using rtree(id, low, high)'])
    for (const sql of [
      "select * from words where words match 'hello'",
      'select * from boxes where low < 5',
    ])
      expect(db.query(sql, [], { readOnly: true }).rows.length).toBe(1)
    expect(failure(() => db.query('delete from boxes', [], { readOnly: true })).code).toBe(
      'sql.denied',
    )
    expect(db.query('insert into boxes values (8, 1, 2)').lastInsertId).toBe(8)
    again.close()
  })

  test('VACUUM, ANALYZE, REINDEX and optimize work', () => {
    for (const sql of ['vacuum', 'vacuum main', 'analyze', 'reindex', 'pragma optimize'])
      expect(db.query(sql).truncated).toBe(false)
  })

  test('an insert of many rows in one text passes the limits', () => {
    const rows = Array.from({ length: 1000 }, (_, n) => `(${n + 1000}, '${'x'.repeat(300)}')`)
    expect(db.query(`insert into t values ${rows.join(', ')}`).rowsAffected).toBe(1000)
  })

  test('a schema that changes under a known statement is read as it is', () => {
    for (let time = 0; time < 3; time += 1) db.query('select * from target')
    const other = new Database(db.path)
    other.exec("alter table target add column w default 'new'")
    other.close()
    expect(db.query("insert into target (v) values ('x') returning *").rows[0]).toHaveProperty(
      'w',
      'new',
    )
    expect(db.query('select * from target').columns.map(({ name }) => name)).toEqual([
      'id',
      'v',
      'w',
    ])
  })
})
