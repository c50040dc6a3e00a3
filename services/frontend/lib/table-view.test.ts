import { describe, expect, it } from 'vitest'
import {
  conditionOf,
  filterParameters,
  nextSort,
  readTableView,
  type TableView,
  writeTableView,
} from './table-view'

const read = (search: string) => readTableView(new URLSearchParams(search))
const first: TableView = { filters: [], sort: null, page: 1, pane: 'rows' }

describe('the view in the address', () => {
  it('is empty for what is shown at first', () => {
    expect(writeTableView(first)).toBe('')
    expect(read('')).toEqual(first)
  })

  it('comes back as it was written', () => {
    const view: TableView = {
      filters: [
        { column: 'a=b', condition: 'not.like.x=*&y' },
        { column: 'Ünit price', condition: 'gte.18' },
        { column: 'a=b', condition: 'in.(1,"2,3")' },
      ],
      sort: { column: 'first.name', descending: true },
      page: 3,
      pane: 'structure',
    }
    expect(read(writeTableView(view))).toEqual(view)
  })

  it.each([
    'page=0',
    'page=-2',
    'page=x',
    'page=1.5',
    'sort=name',
    'f=name',
    'f=name=wild.1',
    'f=%3Deq.1',
    'pane=else',
  ])('takes no notice of %s', (search) => expect(read(search)).toEqual(first))
})

it('sorts up, down, not at all', () => {
  const up = nextSort(null, 'id')
  const down = nextSort(up, 'id')
  expect([up, down, nextSort(down, 'id'), nextSort(down, 'name')]).toEqual([
    { column: 'id', descending: false },
    { column: 'id', descending: true },
    null,
    { column: 'name', descending: false },
  ])
})

it('makes a list of what is to be one of', () => {
  expect(conditionOf('in', '1,2')).toBe('in.(1,2)')
  expect(conditionOf('in', '(1,2)')).toBe('in.(1,2)')
  expect(conditionOf('eq', '(1,2)')).toBe('eq.(1,2)')
})

describe('filters as parameters', () => {
  it('are one for each column', () => {
    const filters = [
      { column: 'age', condition: 'gte.18' },
      { column: 'name', condition: 'like.A*' },
    ]
    expect(filterParameters(filters)).toEqual({ age: 'gte.18', name: 'like.A*' })
  })

  it('are one group where a column has two, quoted as the group needs it', () => {
    const filters = [
      { column: 'age', condition: 'gte.18' },
      { column: 'age', condition: 'lt.65' },
      { column: 'a.b', condition: 'not.eq.x,"y"' },
      { column: 'id', condition: 'in.(1,2)' },
    ]
    expect(filterParameters(filters)).toEqual({
      and: String.raw`(age.gte.18,age.lt.65,"a.b".not.eq."x,\"y\"",id.in.(1,2))`,
    })
  })

  it('are a group where a column is called as a parameter is', () => {
    expect(filterParameters([{ column: 'order', condition: 'eq.1' }])).toEqual({
      and: '(order.eq.1)',
    })
  })
})
