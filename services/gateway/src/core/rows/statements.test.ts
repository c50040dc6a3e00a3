import type { TableInfo } from '@db-forge/contract'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Dialect, Target } from './dialect.ts'
import { parseFilters } from './filter.ts'
import { postgres } from './postgres-dialect.ts'
import { sqlite } from './sqlite-dialect.ts'
import {
  deleteStatement,
  insertStatements,
  keyFilters,
  listStatement,
  updateStatement,
} from './statements.ts'

function table(columns: Record<string, string>, primaryKey: string[] = []): TableInfo {
  return {
    name: 't',
    kind: 'table',
    columns: Object.entries(columns).map(([name, type]) => ({
      name,
      type,
      nullable: true,
      default: null,
      primaryKey: null,
      generated: false,
    })),
    primaryKey,
    indexes: [],
    foreignKeys: [],
    rowCount: null,
    sql: null,
  }
}
const inSqlite = (of: TableInfo): Target => ({ table: of, dialect: sqlite })
const inPostgres = (of: TableInfo): Target => ({ table: of, dialect: postgres })
const people = inSqlite(table({ id: 'INTEGER', name: 'TEXT', any: '' }, ['id']))
const page = { limit: 10, offset: 0 }
const list = (filters: Record<string, unknown>, options = {}, target = people) =>
  listStatement(target, parseFilters(filters), { ...page, ...options })

describe('statements for rows of SQLite', () => {
  test('a listing binds every value and asks for one row more', () => {
    expect(
      list(
        { id: 'gte.18', name: 'ilike.a*' },
        { select: 'id, name', order: 'name.desc.nullslast,id' },
      ),
    ).toEqual({
      sql: `select "id", "name" from "t" where "id" >= ? and "name" like ? escape '\\' order by "name" desc nulls last, "id" limit ? offset ?`,
      params: ['18', 'a%', 11, 0],
    })
  })

  test('without an order the primary key gives one', () => {
    expect(list({}).sql).toBe('select * from "t" order by "id" limit ? offset ?')
  })

  test('like regards case, as GLOB does, and its own signs stay literal', () => {
    expect(list({ name: 'like.A_*[x]?\\%' })).toMatchObject({ params: ['A?*[[]x][?][%]', 11, 0] })
    expect(list({ name: 'ilike.a\\**' })).toMatchObject({ params: ['a\\*%', 11, 0] })
  })

  test('a number is compared as one where the column would not convert it', () => {
    expect(list({ any: 'gt.9007199254740993' }).params[0]).toEqual({ $integer: '9007199254740993' })
    expect(list({ any: '1.5' }).params[0]).toEqual({ $real: '1.5' })
    expect(list({ id: '7' }).params[0]).toBe('7')
    expect(list({ any: '{"$blob":"AP8="}' }).params[0]).toEqual({ $blob: 'AP8=' })
  })

  test('an empty list matches nothing and is valid', () => {
    expect(list({ id: 'in.()' }).sql).toContain('where 1 = 0')
  })

  test.each([
    [{ nope: '1' }, {}],
    [{}, { select: 'id,nope' }],
    [{}, { order: 'nope' }],
    [{ or: '(id.eq.1,nope.eq.2)' }, {}],
  ])('a column that is not there is refused: %j %j', (filters, options) => {
    expect(() => list(filters, options)).toThrow(
      expect.objectContaining({ code: 'column.not_found' }),
    )
  })

  test('no name can leave its quotes and no value is in the text', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.string(), (name, value) => {
        fc.pre(!name.includes('\0') && !value.includes('\0'))
        const hostile = inSqlite(table({ [name]: 'TEXT' }))
        const { sql, params } = updateStatement(hostile, [], { [name]: value }, false)
        expect(sql).toBe(`update "t" set "${name.replaceAll('"', '""')}" = ?`)
        expect(params).toEqual([value])
      }),
    )
  })

  test('rows with the same members share a statement, others keep their order', () => {
    const statements = insertStatements(
      people,
      [{ id: 1, name: 'a' }, { name: 'b', id: 2 }, {}, { id: 3 }],
      true,
    )
    expect(statements).toEqual([
      {
        sql: 'insert into "t" ("id", "name") values (?, ?), (?, ?) returning *',
        params: [1, 'a', 2, 'b'],
      },
      { sql: 'insert into "t" default values returning *', params: [] },
      { sql: 'insert into "t" ("id") values (?) returning *', params: [3] },
    ])
  })

  test('no statement binds more values than SQLite takes', () => {
    const rows = Array.from({ length: 40_000 }, (_, id) => ({ id }))
    const statements = insertStatements(people, rows, false)
    expect(statements.length).toBe(2)
    expect(Math.max(...statements.map(({ params }) => params.length))).toBeLessThanOrEqual(32_766)
  })

  test('a composite key is split at commas outside quotes', () => {
    const composite = table({ a: 'TEXT', b: 'TEXT' }, ['a', 'b'])
    const filters = keyFilters(composite, '"x,""y""",2')
    expect(deleteStatement(inSqlite(composite), filters, false).params).toEqual(['x,"y"', '2'])
    expect(() => keyFilters(composite, '1')).toThrow(
      expect.objectContaining({ code: 'row.key_invalid' }),
    )
    expect(() => keyFilters(composite, '1,2,3')).toThrow(
      expect.objectContaining({ code: 'row.key_invalid' }),
    )
    expect(keyFilters(people.table, 'a,b')).toMatchObject([{ value: 'a,b' }])
  })

  test('a table without a primary key has no rows by key', () => {
    expect(() => keyFilters(table({ a: '' }), '1')).toThrow(
      expect.objectContaining({ code: 'row.key_invalid' }),
    )
  })
})

describe('statements for rows of PostgreSQL', () => {
  const columns = {
    id: 'bigint',
    Name: 'text',
    code: 'character varying(20)',
    at: 'timestamp with time zone',
    doc: 'json',
    docs: 'jsonb',
    bytes: 'bytea',
    tags: 'text[]',
    mail: 'citext',
  }
  const target = inPostgres({ ...table(columns, ['id']), name: 'sales.t' })
  const of = (filters: Record<string, unknown>, options = {}) => list(filters, options, target)
  const where = (filters: Record<string, unknown>) => /where (.*) order/.exec(of(filters).sql)?.[1]

  test('a listing numbers its values and names the schema', () => {
    expect(of({ id: 'gte.18', or: '(Name.eq.a,id.in.(1,2))' }, { select: 'id,Name' })).toEqual({
      sql: 'select "id", "Name" from "sales"."t" where "id" >= $1 and ("Name" = $2 or "id" in ($3, $4)) order by "id" limit $5 offset $6',
      params: ['18', 'a', '1', '2', 11, 0],
    })
  })

  test('a change numbers what is set before what is sought', () => {
    const filters = parseFilters({ id: 'eq.1' })
    expect(updateStatement(target, filters, { Name: 'b', at: null }, true)).toEqual({
      sql: 'update "sales"."t" set "Name" = $1, "at" = $2 where "id" = $3 returning *',
      params: ['b', null, '1'],
    })
  })

  test('names are matched letter by letter', () => {
    expect(() => of({ name: 'x' })).toThrow(expect.objectContaining({ code: 'column.not_found' }))
  })

  test.each([
    [{ Name: 'like.A*' }, '"Name" like $1', 'A%'],
    [{ code: 'ilike.a_\\*' }, '"code" ilike $1', 'a_\\*'],
    [{ mail: 'like.a%' }, '"mail" like $1', 'a%'],
    [{ at: 'like.2026*' }, '"at"::text like $1', '2026%'],
    [{ tags: 'ilike.*x*' }, '"tags"::text ilike $1', '%x%'],
    [{ doc: '{"a":1}' }, '"doc"::jsonb = $1', '{"a":1}'],
    [{ docs: '{"a":1}' }, '"docs" = $1', '{"a":1}'],
    [{ bytes: String.raw`\x00ff` }, '"bytes" = $1', String.raw`\x00ff`],
    [{ bytes: '{"$blob":"AP8="}' }, '"bytes" = $1', { $blob: 'AP8=' }],
    [{ Name: '{"$blob":"AP8="}' }, '"Name" = $1', '{"$blob":"AP8="}'],
    [{ id: '9007199254740993' }, '"id" = $1', '9007199254740993'],
  ])('%j', (filters, sql, value) => {
    expect(where(filters)).toBe(sql)
    expect(of(filters).params[0]).toEqual(value)
  })

  test('lists and objects are arrays and JSON text, by the type of their column', () => {
    const row = { tags: ['a "b"', null, '\\', [1, true]], docs: ['x', 9007199254740993n], Name: {} }
    expect(insertStatements(target, [row], false)).toEqual([
      {
        sql: 'insert into "sales"."t" ("tags", "docs", "Name") values ($1, $2, $3)',
        params: [String.raw`{"a \"b\"",NULL,"\\",{"1","true"}}`, '["x",9007199254740993]', '{}'],
      },
    ])
  })

  test('no statement binds more values than PostgreSQL takes', () => {
    const rows = Array.from({ length: 40_000 }, (_, id) => ({ id, Name: 'x' }))
    const counts = insertStatements(target, rows, false).map(({ params }) => params.length)
    expect(counts).toEqual([65_534, 14_466])
  })
})

describe.each<[string, Dialect]>([
  ['SQLite', sqlite],
  ['PostgreSQL', postgres],
])('statements for rows of %s', (_, dialect) => {
  test('what nests without end is refused', () => {
    let deep: unknown[] = []
    for (let depth = 0; depth < 100_000; depth += 1) deep = [deep]
    const target = { table: table({ a: 'jsonb' }), dialect }
    expect(() => insertStatements(target, [{ a: deep }], false)).toThrow(
      expect.objectContaining({ code: 'request.invalid' }),
    )
  })

  test('no name can leave its quotes', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, maxLength: 20 }), (name) => {
        fc.pre(!name.includes('\0') && Buffer.byteLength(name) <= 63)
        const quoted = `"${name.replaceAll('"', '""')}"`
        expect(dialect.quote(name)).toBe(quoted)
        expect(dialect.table(`public.${name}`)).toBe(
          dialect === postgres ? `"public".${quoted}` : `"public.${quoted.slice(1)}`,
        )
      }),
    )
  })
})
