import type { SchemaInfo } from '@db-forge/contract'
import { expect, it } from 'vitest'
import { completionNames, nameInSchema, schemaGroups } from './schema-groups'

const table = (name: string, schema?: string) => ({
  name,
  ...(schema === undefined ? {} : { schema }),
  columns: [{ name: 'id' }],
})
const postgres = {
  tables: [table('people', 'public'), table('sales.orders', 'sales'), table('"a.b".c', 'a.b')],
} as unknown as SchemaInfo
const sqlite = { tables: [table('people'), table('a.b')] } as unknown as SchemaInfo

it('puts tables below their schemas', () => {
  expect(
    schemaGroups(postgres).map(({ schema, tables }) => [schema, tables.map(nameInSchema)]),
  ).toEqual([
    ['public', ['people']],
    ['sales', ['orders']],
    ['a.b', ['c']],
  ])
})

it('has one group where there are no schemas, with names as they are', () => {
  expect(
    schemaGroups(sqlite).map(({ schema, tables }) => [schema, tables.map(nameInSchema)]),
  ).toEqual([[null, ['people', 'a.b']]])
})

it('completes by schema where there are schemas', () => {
  expect(completionNames(postgres, 'postgres')).toEqual({
    public: { people: ['id'] },
    sales: { orders: ['id'] },
    'a.b': { c: ['id'] },
  })
  expect(completionNames(sqlite, 'sqlite')).toEqual({ people: ['id'], 'a.b': ['id'] })
  expect(completionNames(undefined, 'postgres')).toEqual({})
})
