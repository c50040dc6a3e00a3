import { expect, it } from 'vitest'
import { sqlIdentifier } from './sql-identifier'

it.each([
  ['Track', 'Track'],
  ['order', '"order"'],
  ['a b', '"a b"'],
  ['a"b', '"a""b"'],
  ['1st', '"1st"'],
  ['', '""'],
])('writes %j as %s', (name, written) => expect(sqlIdentifier(name)).toBe(written))
