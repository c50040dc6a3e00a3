import type { TableInfo } from '@db-forge/contract'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseFilters } from './filter.ts'
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
const people = table({ id: 'INTEGER', name: 'TEXT', any: '' }, ['id'])
const page = { limit: 10, offset: 0 }
const list = (filters: Record<string, unknown>, options = {}) =>
  listStatement(people, parseFilters(filters), { ...page, ...options })

describe('statements for rows', () => {
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
  })

  test('a number is compared as one where the column would not convert it', () => {
    expect(list({ any: 'gt.9007199254740993' }).params[0]).toEqual({ $integer: '9007199254740993' })
    expect(list({ any: '1.5' }).params[0]).toEqual({ $real: '1.5' })
    expect(list({ id: '7' }).params[0]).toBe('7')
  })

  test('an empty list matches nothing and is valid', () => {
    expect(list({ id: 'in.()' }).sql).toContain('"id" in ()')
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
        const hostile = table({ [name]: 'TEXT' })
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
    expect(deleteStatement(composite, keyFilters(composite, '"x,""y""",2'), false).params).toEqual([
      'x,"y"',
      '2',
    ])
    expect(() => keyFilters(composite, '1')).toThrow(
      expect.objectContaining({ code: 'row.key_invalid' }),
    )
    expect(() => keyFilters(composite, '1,2,3')).toThrow(
      expect.objectContaining({ code: 'row.key_invalid' }),
    )
    expect(keyFilters(people, 'a,b')).toMatchObject([{ value: 'a,b' }])
  })

  test('a table without a primary key has no rows by key', () => {
    expect(() => keyFilters(table({ a: '' }), '1')).toThrow(
      expect.objectContaining({ code: 'row.key_invalid' }),
    )
  })
})
