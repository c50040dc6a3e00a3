import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ResponseReader } from './response-reader.ts'

const LIMIT = 100

function encode(type: number, body: Uint8Array): Buffer {
  const head = Buffer.alloc(5)
  head.writeUInt8(type)
  head.writeInt32BE(4 + body.length, 1)
  return Buffer.concat([head, body])
}

test('messages come out as they went in, however the bytes are cut; those too large are passed over', () => {
  const messages = fc.array(
    fc.tuple(fc.integer({ min: 1, max: 127 }), fc.uint8Array({ maxLength: 150 })),
    { maxLength: 30 },
  )
  fc.assert(
    fc.property(messages, fc.infiniteStream(fc.integer({ min: 1, max: 60 })), (sent, sizes) => {
      const received: (readonly [number, number[] | null])[] = []
      const reader = new ResponseReader(LIMIT, {
        message: (type, body) => received.push([type, [...body]]),
        tooLarge: (type) => received.push([type, null]),
      })
      const bytes = Buffer.concat(sent.map(([type, body]) => encode(type, body)))
      for (let at = 0; at < bytes.length; ) {
        const size = sizes.next().value
        reader.push(bytes.subarray(at, at + size))
        at += size
      }
      expect(received).toEqual(
        sent.map(([type, body]) => [type, body.length > LIMIT ? null : [...body]]),
      )
    }),
  )
})
