import { setTimeout as wait } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { KeyedQueue } from './keyed-queue.ts'

test('tasks of one key never overlap and keep their order, also when one fails', async () => {
  const queue = new KeyedQueue<string>()
  const seen: string[] = []
  const task =
    (name: string, ms: number, fails = false) =>
    async () => {
      seen.push(`${name} begins`)
      await wait(ms)
      seen.push(`${name} ends`)
      if (fails) throw new Error(name)
    }
  const first = queue.run('k', task('a', 20, true))
  const second = queue.run('k', task('b', 1))
  await queue.run('other', async () => void seen.push('other'))
  await expect(first).rejects.toThrow('a')
  await second
  await queue.idle()
  expect(seen).toEqual(['a begins', 'other', 'a ends', 'b begins', 'b ends'])
})
