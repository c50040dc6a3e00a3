import { afterAll, expect, test } from 'vitest'
import { bombs } from './bomb-list.ts'
import { BombRange } from './bomb-run.ts'

const range = new BombRange()
afterAll(() => range.end())

test.each(bombs)('$name', async (bomb) => {
  const { ended } = await range.throwAt(bomb)
  expect([bomb.ends].flat()).toContain(ended)
})
