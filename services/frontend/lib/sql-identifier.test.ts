import { expect, it } from 'vitest'
import { sqlIdentifier, sqlTable } from './sql-identifier'

it.each([
  ['Track', 'Track'],
  ['order', '"order"'],
  ['a b', '"a b"'],
  ['a"b', '"a""b"'],
  ['1st', '"1st"'],
  ['', '""'],
])('writes %j as %s', (name, written) => expect(sqlIdentifier(name, 'sqlite')).toBe(written))

it.each([
  ['track', 'track'],
  ['Track', '"Track"'],
  ['user', '"user"'],
  ['sales.orders', 'sales.orders'],
  ['public.a.b', '"a.b"'],
  ['"x.y".Z', '"x.y"."Z"'],
])('writes the PostgreSQL table %j as %s', (name, written) =>
  expect(sqlTable(name, 'postgres')).toBe(written),
)
