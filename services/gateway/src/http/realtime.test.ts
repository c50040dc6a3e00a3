import { appendFile } from 'node:fs/promises'
import type { AddressInfo, Socket as NetSocket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type Database,
  type Job,
  MESSAGES_PER_SECOND,
  type RealtimeChange,
  type RealtimeClosed,
  type RealtimeJob,
  type RealtimeLogs,
  type RealtimeMetrics,
  type RealtimeSnapshot,
  type RealtimeState,
  ROOMS_MAX,
  type RoomAnswer,
} from '@db-forge/contract'
import Fastify from 'fastify'
import { io, type Socket } from 'socket.io-client'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { Credentials } from '../core/credentials.ts'
import { createMemoryEventBus } from '../events/memory-event-bus.ts'
import { KyselyStore } from '../store/kysely-store.ts'
import { sqliteDialect } from '../store/sqlite-dialect.ts'
import { ADMIN_TOKEN, openTestGateway, type TestGateway } from '../testing/test-gateway.ts'
import { Realtime, type RealtimeOptions } from './realtime.ts'

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

describe('rooms', () => {
  const spawn = async (name: string) =>
    (await g.call<Database>('POST', `/admin/databases/spawn/${name}`)).body
  const ask = (socket: Socket, what: 'join' | 'leave', room: unknown): Promise<RoomAnswer> =>
    socket.timeout(5000).emitWithAck(what, room)

  async function connected(): Promise<Socket> {
    const socket = connect({ auth: { token: ADMIN_TOKEN } })
    onTestFinished(() => void socket.close())
    await once(socket, 'snapshot')
    return socket
  }

  function heard<T>(socket: Socket, event: string): T[] {
    const all: T[] = []
    socket.on(event, (value: T) => all.push(value))
    return all
  }

  test('a database: its state upon joining and with each change, and figures while somebody is there', async () => {
    const { id } = await spawn('watched')
    const other = await spawn('unwatched')
    const socket = await connected()
    const states = heard<RealtimeState>(socket, 'state')
    const metrics = heard<RealtimeMetrics>(socket, 'metrics')
    expect(await ask(socket, 'join', `db:${id}`)).toEqual({ ok: true })
    await vi.waitFor(() => expect(states).toHaveLength(1))
    await vi.waitFor(() => expect(metrics.length).toBeGreaterThan(1), 5000)
    expect(metrics.every((each) => each.id === id)).toBe(true)
    expect(metrics.at(-1)?.stats).toMatchObject({
      state: 'running',
      memory: { usedBytes: expect.any(Number) },
      disk: { usedBytes: expect.any(Number) },
      uptimeSeconds: expect.any(Number),
    })
    await g.call('POST', '/admin/databases/watched/stop')
    await g.call('POST', '/admin/databases/unwatched/stop')
    await vi.waitFor(() => expect(states.at(-1)?.database.state).toBe('stopped'))
    expect(states.map(({ seq }) => seq)).toEqual(states.map((_, at) => (states[0]?.seq ?? 0) + at))
    expect(states.some(({ database }) => database.id === other.id)).toBe(false)
    expect(await ask(socket, 'leave', `db:${id}`)).toEqual({ ok: true })
    await g.call('POST', '/admin/databases/watched/start')
    const before = metrics.length
    await sleep(1500)
    expect(metrics.length).toBe(before)
    expect(states.at(-1)?.database.state).toBe('stopped')
  })

  test('a job: as it is upon joining, then each change by a number that rises', async () => {
    await spawn('worked')
    const { body } = await g.call<Job>('POST', '/admin/databases/worked/restart', undefined, {
      prefer: 'respond-async',
    })
    const socket = await connected()
    await ask(socket, 'leave', 'instance')
    const told = heard<RealtimeJob>(socket, 'job')
    expect(await ask(socket, 'join', `job:${body.id}`)).toEqual({ ok: true })
    await vi.waitFor(() => expect(told.at(-1)?.job.state).toBe('succeeded'), 5000)
    const seqs = told.map(({ seq }) => seq)
    expect(seqs).toEqual([...new Set(seqs)].sort((a, b) => a - b))
    expect(await ask(socket, 'join', 'job:job_222222222222')).toMatchObject({
      ok: false,
      code: 'job.not_found',
    })
  })

  test('who is in the instance hears of every job, once', async () => {
    await spawn('busy')
    const socket = await connected()
    const told = heard<RealtimeJob>(socket, 'job')
    const { body } = await g.call<Job>('POST', '/admin/databases/busy/restart', undefined, {
      prefer: 'respond-async',
    })
    await ask(socket, 'join', `job:${body.id}`)
    await vi.waitFor(() => expect(told.at(-1)?.job.state).toBe('succeeded'), 5000)
    const seqs = told.slice(1).map(({ seq }) => seq)
    expect(seqs.length - new Set(seqs).size).toBeLessThanOrEqual(1)
  })

  test('a log: its last lines, then what is written, also by the next worker', async () => {
    const { id } = await spawn('talker')
    const socket = await connected()
    const told = heard<RealtimeLogs>(socket, 'logs')
    const text = () => told.flatMap(({ lines }) => lines.map(({ line }) => line))
    expect(await ask(socket, 'join', `logs:${id}`)).toEqual({ ok: true })
    await vi.waitFor(() => expect(text().join()).toContain('ready'))
    const file = join(g.config.dataDir, 'logs', `${id}.log`)
    await appendFile(file, `{"time":${Date.now()},"msg":"from the test"}\n`)
    await vi.waitFor(() => expect(text().join()).toContain('from the test'))
    await g.call('POST', '/admin/databases/talker/restart')
    await vi.waitFor(
      () => expect(text().filter((line) => line.includes('"ready"'))).toHaveLength(2),
      5000,
    )
    await ask(socket, 'leave', `logs:${id}`)
    await appendFile(file, `{"time":${Date.now()},"msg":"unheard"}\n`)
    await sleep(400)
    expect(text().join()).not.toContain('unheard')
  })

  test('a client that does not read is sent no more than a bounded part of a log', async () => {
    const { id } = await spawn('flooded')
    const socket = await connected()
    const told = heard<RealtimeLogs>(socket, 'logs')
    await ask(socket, 'join', `logs:${id}`)
    await vi.waitFor(() => expect(told.length).toBeGreaterThan(0))
    const { _socket: raw } = (socket.io.engine.transport as unknown as Transport).ws
    raw.pause()
    const file = join(g.config.dataDir, 'logs', `${id}.log`)
    const padding = 'x'.repeat(2000)
    const total = 20_000
    for (let n = 0; n < total; n += 1000) {
      const lines = Array.from({ length: 1000 }, (_, at) =>
        JSON.stringify({ time: Date.now(), n: n + at, padding }),
      )
      await appendFile(file, `${lines.join('\n')}\n`)
    }
    await sleep(3000)
    raw.resume()
    const last = () => told.at(-1)?.lines.at(-1)?.line ?? ''
    await vi.waitFor(() => expect(last()).toContain(`"n":${total - 1}`), 10_000)
    const received = told.flatMap(({ lines }) => lines).filter(({ line }) => line.includes('"n"'))
    const dropped = told.reduce((sum, each) => sum + each.dropped, 0)
    expect(dropped).toBeGreaterThan(1000)
    expect(received.length + dropped).toBe(total)
  })

  test('that there are not, or that are no names, are refused with a code', async () => {
    const socket = await connected()
    for (const room of ['db:db_222222222222', 'logs:db_222222222222'])
      expect(await ask(socket, 'join', room)).toMatchObject({
        ok: false,
        code: 'database.not_found',
      })
    for (const room of ['key x', 'db:', 'everything', socket.id, 7, null, { a: 1 }])
      expect(await ask(socket, 'join', room)).toMatchObject({ ok: false, code: 'request.invalid' })
    socket.emit('join')
    socket.emit('join', 'instance', 'no function')
    expect(await ask(socket, 'join', 'instance')).toEqual({ ok: true })
  })

  test('of a database that is deleted are closed', async () => {
    const { id } = await spawn('leaving')
    const socket = await connected()
    const closed = heard<RealtimeClosed>(socket, 'closed')
    const states = heard<RealtimeState>(socket, 'state')
    await ask(socket, 'join', `db:${id}`)
    await ask(socket, 'join', `logs:${id}`)
    await g.call('DELETE', '/admin/databases/leaving')
    await vi.waitFor(() =>
      expect(closed).toEqual([
        { room: `db:${id}`, code: 'database.not_found' },
        { room: `logs:${id}`, code: 'database.not_found' },
      ]),
    )
    expect(await ask(socket, 'join', `db:${id}`)).toMatchObject({ code: 'database.not_found' })
    await g.call('POST', '/admin/databases/leaving/undelete', {})
    expect(await ask(socket, 'join', `db:${id}`)).toEqual({ ok: true })
    await vi.waitFor(() => expect(states.at(-1)?.database.deletedAt).toBeNull())
  })

  test('who sends too much is refused, and let go if it goes on', async () => {
    const socket = await connected()
    const answers = await Promise.all(
      Array.from({ length: 2 * MESSAGES_PER_SECOND }, () => ask(socket, 'leave', 'instance')),
    )
    expect(answers.filter(({ ok }) => ok).length).toBeGreaterThanOrEqual(MESSAGES_PER_SECOND)
    expect(answers.at(-1)).toMatchObject({ ok: false, code: 'request.too_many' })
    const ended = once<string>(socket, 'disconnect')
    for (let n = 0; n < 20 * MESSAGES_PER_SECOND; n++) socket.emit('resync')
    expect(await ended).toBe('io server disconnect')
  })
})

interface Transport {
  readonly ws: { readonly _socket: NetSocket }
}

/** Sockets alone, without databases behind them. */
async function openSockets(source: Partial<RealtimeOptions> = {}) {
  const store = new KyselyStore(sqliteDialect(':memory:'))
  await store.migrate()
  const credentials = new Credentials(store)
  const useToken = (token: string) =>
    credentials.prepare(token, {
      read: async () => null,
      create: async (made) => made,
      remove: async () => {},
    })
  await useToken(ADMIN_TOKEN)
  const app = Fastify()
  const unasked = () => expect.fail('nobody has asked')
  new Realtime(app, {
    credentials,
    events: createMemoryEventBus(unasked),
    databases: () => [],
    database: () => undefined,
    stats: unasked,
    logs: unasked,
    job: unasked,
    failed: unasked,
    ...source,
  })
  const address = await app.listen({ host: '127.0.0.1', port: 0 })
  onTestFinished(async () => {
    await app.close()
    await store.close()
  })
  const open = (token: string) =>
    io(address, { path: '/ws', transports: ['websocket'], reconnection: false, auth: { token } })
  return { open, useToken }
}

test('another token ends the sockets that the one before had let in', async () => {
  const { open, useToken } = await openSockets()
  const socket = open(ADMIN_TOKEN)
  await once(socket, 'snapshot')
  const ended = once<string>(socket, 'disconnect')
  await useToken('the second token of all')
  expect(await ended).toBe('io server disconnect')
  const late = open(ADMIN_TOKEN)
  expect((await once<Error>(late, 'connect_error')).message).toBe('auth.required')
  await once(open('the second token of all'), 'snapshot')
})

test('a socket is in no more rooms than a bounded number', async () => {
  const { open } = await openSockets({ job: async (id) => ({ id, revision: 1 }) as Job })
  const socket = open(ADMIN_TOKEN)
  await once(socket, 'snapshot')
  const join = async (n: number): Promise<RoomAnswer> => {
    await sleep(1000 / MESSAGES_PER_SECOND)
    return socket.emitWithAck('join', `job:job_${`${n}`.padStart(12, 'a')}`)
  }
  // It is in `instance` already.
  for (let n = 1; n < ROOMS_MAX; n++) expect(await join(n)).toEqual({ ok: true })
  expect(await join(1)).toEqual({ ok: true })
  expect(await join(ROOMS_MAX)).toMatchObject({ ok: false, code: 'request.invalid' })
  await socket.emitWithAck('leave', 'instance')
  expect(await join(ROOMS_MAX)).toEqual({ ok: true })
})
