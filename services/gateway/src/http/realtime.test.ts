import type { AddressInfo } from 'node:net'
import type { RealtimeChange, RealtimeSnapshot } from '@db-forge/contract'
import { io, type Socket } from 'socket.io-client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ADMIN_TOKEN, openTestGateway, type TestGateway } from '../testing/test-gateway.ts'

let g: TestGateway
let url: string
beforeAll(async () => {
  g = await openTestGateway()
  await g.gateway.app.listen({ host: '127.0.0.1', port: 0 })
  url = `http://127.0.0.1:${(g.gateway.app.server.address() as AddressInfo).port}`
})
afterAll(() => g.destroy())

function connect(options: object): Socket {
  return io(url, { path: '/ws', transports: ['websocket'], reconnection: false, ...options })
}
const once = <T>(socket: Socket, event: string) =>
  new Promise<T>((resolve) => socket.once(event, (value: T) => resolve(value)))

test('without a token no one is let in', async () => {
  const socket = connect({ auth: { token: 'wrong' } })
  expect((await once<Error>(socket, 'connect_error')).message).toBe('auth.required')
  socket.close()
})

test('another origin is refused before the handshake ends', async () => {
  const socket = connect({
    auth: { token: ADMIN_TOKEN },
    extraHeaders: { origin: 'https://evil.example' },
  })
  await once(socket, 'connect_error')
  expect(socket.connected).toBe(false)
  socket.close()
})

test('a snapshot comes first, then every change in order', async () => {
  await g.call('POST', '/admin/databases/spawn/before')
  const socket = connect({ auth: { token: ADMIN_TOKEN } })
  const snapshot = await once<RealtimeSnapshot>(socket, 'snapshot')
  expect(snapshot.databases.map(({ name, state }) => [name, state])).toEqual([
    ['before', 'running'],
  ])
  const changes: RealtimeChange[] = []
  socket.on('change', (change: RealtimeChange) => changes.push(change))
  await g.call('POST', '/admin/databases/spawn/live')
  await g.call('POST', '/admin/databases/live/stop')
  await g.call('DELETE', '/admin/databases/live')
  await expect.poll(() => changes.at(-1)?.type).toBe('deleted')
  expect(changes.map(({ seq }) => seq)).toEqual(changes.map((_, at) => snapshot.seq + 1 + at))
  const states = changes.flatMap((change) =>
    change.type === 'changed' ? [change.database.state] : [],
  )
  expect(states.filter((state, at) => state !== states[at - 1])).toEqual([
    'starting',
    'running',
    'stopping',
    'stopped',
  ])
  socket.emit('resync')
  const again = await once<RealtimeSnapshot>(socket, 'snapshot')
  expect(again.databases.map(({ name }) => name)).toEqual(['before'])
  expect(again.seq).toBe(changes.at(-1)?.seq)
  socket.close()
})

test('signing out ends the sockets of that session', async () => {
  const signedIn = await fetch(`${url}/admin/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ token: ADMIN_TOKEN }),
  })
  const cookie = signedIn.headers.get('set-cookie')?.split(';')[0] ?? ''
  const socket = connect({ extraHeaders: { cookie } })
  await once(socket, 'snapshot')
  const ended = once<string>(socket, 'disconnect')
  await fetch(`${url}/admin/session`, { method: 'DELETE', headers: { cookie } })
  expect(await ended).toBe('io server disconnect')
})
