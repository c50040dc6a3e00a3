import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeFrame, type Frame, FrameDecoder, FrameError, FrameType } from './frame.ts'

function decode(chunks: Buffer[], bytesMax?: number): Frame[] {
  const decoder = new FrameDecoder(bytesMax)
  const frames: Frame[] = []
  for (const chunk of chunks) decoder.push(chunk, (frame) => frames.push(frame))
  return frames
}

describe('frames', () => {
  test('come out as they went in, however the bytes are cut', () => {
    const payloads = fc.array(fc.tuple(fc.nat(0xffff_ffff), fc.uint8Array({ maxLength: 300 })), {
      maxLength: 20,
    })
    fc.assert(
      fc.property(payloads, fc.infiniteStream(fc.integer({ min: 1, max: 60 })), (sent, sizes) => {
        const bytes = Buffer.concat(
          sent.map(([id, payload]) => encodeFrame(FrameType.result, id, payload)),
        )
        const chunks: Buffer[] = []
        for (let at = 0; at < bytes.length; ) {
          const size = sizes.next().value
          chunks.push(bytes.subarray(at, at + size))
          at += size
        }
        const received = decode(chunks).map(({ id, payload }) => [id, Uint8Array.from(payload)])
        expect(received).toEqual(sent)
      }),
    )
  })

  test('text is sent as UTF-8', () => {
    const [frame] = decode([encodeFrame(FrameType.query, 7, '{"sql":"select ‘ä’"}')])
    expect(Buffer.from(frame?.payload ?? []).toString()).toBe('{"sql":"select ‘ä’"}')
    expect(frame).toMatchObject({ type: FrameType.query, id: 7 })
  })

  test('a frame that announces too much or too little ends the connection before it is read', () => {
    const large = Buffer.alloc(9)
    large.writeUInt32BE(1001)
    expect(() => decode([large], 1000)).toThrow(FrameError)
    const small = Buffer.alloc(9)
    small.writeUInt32BE(4)
    expect(() => decode([small])).toThrow(FrameError)
  })
})
