import { expect, it } from 'vitest'
import { readLogLine } from './log-line'

it('puts a structured line into words', () => {
  const line =
    '{"level":"info","time":1,"msg":"ready","pid":9,"path":"/a b","ok":true,"by":{"x":1}}'
  expect(readLogLine(line)).toEqual({
    level: 'info',
    message: 'ready',
    rest: 'pid=9 path="/a b" ok=true by={"x":1}',
  })
})

it.each(['plain text', '{"no":"message"}', '{broken', '[1]', ''])('leaves %j as it is', (line) =>
  expect(readLogLine(line)).toBeNull(),
)
