import { PassThrough } from 'node:stream'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { PgRefusal } from './refusal.ts'
import { cancelPacket, type FirstPacket, readPacket, startupPacket } from './startup.ts'

const VERSION = 3 << 16

/** What is made of bytes that come cut into pieces, and then end. */
async function readFrom(bytes: Uint8Array, cuts: readonly number[] = []): Promise<FirstPacket> {
  const stream = new PassThrough()
  const reading = readPacket(stream)
  reading.catch(() => {})
  let at = 0
  for (const cut of [...cuts, bytes.length]) {
    const end = Math.min(bytes.length, Math.max(at, cut))
    if (end > at) stream.write(bytes.subarray(at, end))
    at = end
    await new Promise((resolve) => setImmediate(resolve))
  }
  stream.end()
  return reading
}

const word = fc.string({ minLength: 1, maxLength: 20 }).filter((text) => !text.includes('\0'))

test('a startup packet comes out as it went in, however it is cut', async () => {
  const pairs = fc.uniqueArray(fc.tuple(word, word), { maxLength: 8, selector: ([name]) => name })
  const cuts = fc.array(fc.integer({ min: 0, max: 200 }), { maxLength: 6 })
  await fc.assert(
    fc.asyncProperty(pairs, cuts, async (parameters, at) => {
      const packet = startupPacket(VERSION, new Map(parameters))
      const read = await readFrom(
        packet,
        at.toSorted((a, b) => a - b),
      )
      expect(read).toEqual({ kind: 'startup', version: VERSION, parameters: new Map(parameters) })
    }),
    { numRuns: 200 },
  )
})

test('bytes that are no packet end in a refusal or with their stream, and never hang', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 0, maxLength: 64 }), async (bytes) => {
      const outcome = await readFrom(bytes).catch((error: Error) => error)
      if (!(outcome instanceof Error)) return
      if (outcome instanceof PgRefusal) expect(['08P01', '0A000']).toContain(outcome.sqlState)
      else expect(outcome.message).toBe('the client went away')
    }),
    { numRuns: 500 },
  )
})

test('what stands behind a packet is refused: it would be taken for what comes encrypted', async () => {
  const ssl = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])
  expect(await readFrom(ssl)).toEqual({ kind: 'ssl' })
  await expect(readFrom(Buffer.concat([ssl, Buffer.from('x')]))).rejects.toMatchObject({
    sqlState: '08P01',
  })
})

test('a key to cancel may be longer than it was', async () => {
  for (const length of [4, 32, 256]) {
    const secret = Buffer.alloc(length, 7)
    expect(await readFrom(cancelPacket(42, secret))).toEqual({
      kind: 'cancel',
      pid: 42,
      secret,
      isPassedOn: false,
    })
  }
})

test.each([
  ['too long', Buffer.from([0, 0, 0x27, 0x11, 0, 3, 0, 0])],
  ['too short', Buffer.from([0, 0, 0, 4])],
  ['negative', Buffer.from([0xff, 0xff, 0xff, 0xff])],
])('a length that is %s is refused at once', async (_, bytes) => {
  await expect(readFrom(bytes)).rejects.toMatchObject({ sqlState: '08P01' })
})

test('another major version is refused, a newer minor one is not', async () => {
  const none = new Map<string, string>()
  await expect(readFrom(startupPacket(2 << 16, none))).rejects.toMatchObject({ sqlState: '0A000' })
  expect(await readFrom(startupPacket(VERSION + 2, none))).toMatchObject({ version: VERSION + 2 })
})
