import { expect, test } from 'vitest'
import { CancelKeys, GATEWAY_NUMBER_MAX } from './cancel-keys.ts'

const server = { socketPath: '/run', pid: 7, secret: Buffer.from([1, 2, 3, 4]) }

test('a key leads to its server, for as long as its session lasts', () => {
  const keys = new CancelKeys(3)
  const key = keys.mint(server)
  expect(keys.find(key)).toBe(server)
  expect(keys.gatewayOf(key.pid)).toBe(3)
  keys.forget(key)
  expect(keys.find(key)).toBeUndefined()
})

test('a key with another secret, or of another gateway, leads nowhere', () => {
  const keys = new CancelKeys(0)
  const key = keys.mint(server)
  const secret = Buffer.from(key.secret)
  secret.writeUInt8(secret.readUInt8(0) ^ 1, 0)
  expect(keys.find({ ...key, secret })).toBeUndefined()
  expect(keys.find({ ...key, secret: Buffer.alloc(0) })).toBeUndefined()
  expect(new CancelKeys(1).find(key)).toBeUndefined()
})

test('keys differ, and their number before the slot stays positive', () => {
  const keys = new CancelKeys(GATEWAY_NUMBER_MAX)
  const minted = Array.from({ length: 1000 }, () => keys.mint(server))
  expect(new Set(minted.map(({ pid }) => pid)).size).toBe(1000)
  for (const { pid } of minted) expect(pid).toBeGreaterThan(0)
  expect(Math.max(...minted.map(({ pid }) => pid))).toBeLessThan(2 ** 31)
})
