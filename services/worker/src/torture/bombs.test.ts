import { afterAll, expect, test } from 'vitest'
import { bombs } from './bomb-list.ts'
import { BombRange } from './bomb-run.ts'

const range = new BombRange()
afterAll(() => range.end())

test.each(bombs)('$name', async (bomb) => {
  expect([bomb.ends].flat()).toContain(await range.throwAt(bomb))
})
