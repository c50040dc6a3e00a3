import { SchemaInfo } from '@db-forge/contract'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { EngineUnderTest, failure } from '../testing/engine.ts'

let db: EngineUnderTest
beforeEach(() => {
  db = new EngineUnderTest()
})
afterEach(() => db.close())

const described = (table: string) => {
  const [info] = db.describe({ table }).tables
  if (!info) throw new Error(`${table} is not described`)
  return info
}

describe('a description', () => {
  test('lists tables, views and virtual tables by name, and nothing of SQLite itself', () => {
    db.batch([
      'create table b (id integer primary key autoincrement)',
      'create view a as select 1 as one',
      'create virtual table c using fts5(body)',
      'analyze',
    ])
    const schema = SchemaInfo.parse(db.describe())
    expect(schema.tables.map(({ name, kind }) => [name, kind])).toEqual([
      ['a', 'view'],
      ['b', 'table'],
      ['c', 'virtual'],
    ])
    expect(schema.tables[2]?.columns.map(({ name }) => name)).toEqual(['body'])
  })

  test('tells columns with types, defaults, keys and what is generated', () => {
    db.query(`create table t (
      id integer primary key, name text not null default 'x', n numeric(10,2),
      twice int generated always as (n * 2) stored, also as (n) virtual, bare)`)
    expect(described('t').columns).toEqual([
      {
        name: 'id',
        type: 'INTEGER',
        nullable: false,
        default: null,
        primaryKey: 1,
        generated: false,
      },
      {
        name: 'name',
        type: 'TEXT',
        nullable: false,
        default: "'x'",
        primaryKey: null,
        generated: false,
      },
      {
        name: 'n',
        type: 'numeric(10,2)',
        nullable: true,
        default: null,
        primaryKey: null,
        generated: false,
      },
      {
        name: 'twice',
        type: 'INT',
        nullable: true,
        default: null,
        primaryKey: null,
        generated: true,
      },
      { name: 'also', type: '', nullable: true, default: null, primaryKey: null, generated: true },
      { name: 'bare', type: '', nullable: true, default: null, primaryKey: null, generated: false },
    ])
  })

  test('orders a composite primary key as the key does', () => {
    db.query('create table t (a, b, c, primary key (c, a)) without rowid')
    expect(described('t').primaryKey).toEqual(['c', 'a'])
  })

  test('tells indexes with origin, uniqueness, condition and expressions', () => {
    db.batch([
      'create table t (a text primary key, b unique, c)',
      'create index plain on t (c, lower(b))',
      'create unique index part on t (c) where c > 0',
    ])
    expect(described('t').indexes).toEqual([
      {
        name: 'sqlite_autoindex_t_1',
        columns: ['a'],
        unique: true,
        partial: false,
        origin: 'primaryKey',
      },
      {
        name: 'sqlite_autoindex_t_2',
        columns: ['b'],
        unique: true,
        partial: false,
        origin: 'unique',
      },
      { name: 'plain', columns: ['c', null], unique: false, partial: false, origin: 'index' },
      { name: 'part', columns: ['c'], unique: true, partial: true, origin: 'index' },
    ])
  })

  test('groups the columns of a foreign key', () => {
    db.batch([
      'create table p (x, y, primary key (x, y))',
      `create table c (a, b, d references p on delete cascade,
        foreign key (a, b) references p (x, y) on update set null)`,
    ])
    expect(described('c').foreignKeys).toEqual([
      {
        columns: ['d'],
        table: 'p',
        references: [null],
        onUpdate: 'NO ACTION',
        onDelete: 'CASCADE',
      },
      {
        columns: ['a', 'b'],
        table: 'p',
        references: ['x', 'y'],
        onUpdate: 'SET NULL',
        onDelete: 'NO ACTION',
      },
    ])
  })

  test('counts rows of tables when asked', () => {
    db.batch([
      'create table t (a)',
      'insert into t values (1), (2)',
      'create view v as select * from t',
    ])
    expect(db.describe().tables.map(({ rowCount }) => rowCount)).toEqual([2, null])
    expect(db.describe({ counts: false }).tables.map(({ rowCount }) => rowCount)).toEqual([
      null,
      null,
    ])
  })

  test('copes with any name', () => {
    const name = 'a "b\' [c] é\n;--'
    db.query(`create table "${name.replaceAll('"', '""')}" ("x""y" int)`)
    expect(described(name)).toMatchObject({ name, rowCount: 0, columns: [{ name: 'x"y' }] })
  })

  test('finds a table whatever the case, and says when there is none', () => {
    db.query('create table Orders (a)')
    expect(described('oRDERS').name).toBe('Orders')
    expect(failure(() => db.describe({ table: 'nope' })).code).toBe('table.not_found')
    expect(failure(() => db.describe({ table: 'sqlite_schema' })).code).toBe('table.not_found')
  })

  test('survives a view over what is gone', () => {
    db.batch(['create table t (a)', 'create view v as select * from t'])
    db.query('drop table t')
    expect(described('v')).toMatchObject({
      kind: 'view',
      columns: [],
      sql: 'CREATE VIEW v as select * from t',
    })
  })
})
