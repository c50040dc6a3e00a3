import { encodeFrame, type FrameType } from '@db-forge/contract/wire/frame'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { RequestDecoder } from './request-decoder.ts'

const LIMIT = 100

/** What comes out of a stream of bytes, cut where `cuts` say. */
function decoded(bytes: Buffer, cuts: readonly number[]): string[] {
  const seen: string[] = []
  const decoder = new RequestDecoder(LIMIT, {
    frame: ({ type, id, payload }) =>
      seen.push(`${type} ${id} ${Buffer.from(payload).toString('hex')}`),
    tooLarge: (id) => seen.push(`too large ${id}`),
  })
  const edges = [0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort(
    (a, b) => a - b,
  )
  for (const [at, edge] of edges.entries()) decoder.push(bytes.subarray(edges[at - 1] ?? 0, edge))
  return seen
}

describe('the decoder of requests', () => {
  test('finds the same frames however the stream is cut, and passes over what is too large', () => {
    const frame = fc.record({
      type: fc.integer({ min: 0, max: 255 }),
      id: fc.nat(),
      payload: fc.uint8Array({ maxLength: LIMIT * 2 }),
    })
    fc.assert(
      fc.property(
        fc.array(frame, { maxLength: 8 }),
        fc.array(fc.nat(), { maxLength: 12 }),
        (frames, cuts) => {
          const bytes = Buffer.concat(
            frames.map(({ type, id, payload }) => encodeFrame(type as FrameType, id, payload)),
          )
          expect(decoded(bytes, cuts)).toEqual(
            frames.map(({ type, id, payload }) =>
              payload.length > LIMIT
                ? `too large ${id}`
                : `${type} ${id} ${Buffer.from(payload).toString('hex')}`,
            ),
          )
        },
      ),
    )
  })

  test.each([0, 4, 0xffff_ffff])('gives up on a frame that says it has %d bytes', (length) => {
    const bytes = Buffer.alloc(9)
    bytes.writeUInt32BE(length)
    expect(() => decoded(bytes, [])).toThrow('a frame of')
  })
})
