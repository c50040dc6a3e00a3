import { setTimeout as sleep } from 'node:timers/promises'
import { type Frame, FrameType } from '@db-forge/contract/wire'
import { afterEach, describe, expect, test, vi } from 'vitest'
import {
  CancelledError,
  CircuitOpenError,
  LanesBusyError,
  LateAnswerError,
  LinkDownError,
  WorkerFailure,
} from './link-errors.ts'
import { type LinkCommand, type LinkRequest, SingleRequest } from './link-request.ts'
import { STREAM_CREDIT_BYTES, StreamRequest } from './stream-request.ts'
import { type Behaviour, FAKE_ID, FakeWorker, type Peer } from './testing/fake-worker.ts'
import type { WorkerLink } from './worker-link.ts'
import { WorkerLinks, type WorkerLinksOptions } from './worker-links.ts'

const opened: { worker: FakeWorker; links: WorkerLinks }[] = []
afterEach(async () => {
  for (const { worker, links } of opened.splice(0)) {
    links.close()
    await worker.close()
  }
})

type FakeOptions = Parameters<typeof FakeWorker.start>[1]

async function connect(
  behave: Behaviour,
  fake: FakeOptions = {},
  events: Partial<WorkerLinksOptions> = {},
): Promise<{ link: WorkerLink; links: WorkerLinks; worker: FakeWorker }> {
  const worker = await FakeWorker.start(behave, fake)
  const links = new WorkerLinks({
    runDirOf: () => worker.runDir,
    onDown: () => {},
    connectTimeoutMs: 300,
    ...events,
  })
  opened.push({ worker, links })
  return { link: await links.connect(FAKE_ID), links, worker }
}

const command = (place: LinkCommand['place'], more: Partial<LinkCommand> = {}): LinkCommand => ({
  type: FrameType.query,
  payload: '{"sql":"…"}',
  deadline: performance.now() + 10_000,
  place,
  ...more,
})

function send<R extends LinkRequest>(link: WorkerLink, request: R): R {
  link.send(request)
  return request
}

async function ask(link: WorkerLink, place: LinkCommand['place'], more?: Partial<LinkCommand>) {
  const answer = await send(link, new SingleRequest(command(place, more))).answer
  return JSON.parse(Buffer.from(answer).toString()) as { lane: number; payload: object }
}

const jsonOf = ({ payload }: Frame) => JSON.parse(Buffer.from(payload.subarray(8)).toString())

/** Answers with the lane and what it was sent. */
const echo = (frame: Frame, peer: Peer) =>
  peer.send(FrameType.result, frame.id, { lane: peer.lane, payload: jsonOf(frame) })

const isTimed = ({ type }: Frame) => type >= FrameType.query && type <= FrameType.rollback

const HEALTHY = {
  status: 'ok',
  uptimeSeconds: 1,
  cpuSeconds: 1,
  memoryBytes: 1,
  diskBytes: 1,
  walBytes: 1,
  tempBytes: 1,
  overQuota: false,
  lanes: [],
}

describe('routing', () => {
  /** As the engine does: `select` reads, all else writes. */
  const engine: Behaviour = (frame, peer) => {
    if (!isTimed(frame)) return
    const { sql, guess } = jsonOf(frame)
    const writes = !sql.startsWith('select') && !sql.startsWith('with read')
    const misplaced = peer.lane === 0 ? guess && !writes : writes
    if (misplaced) peer.send(FrameType.redirect, frame.id)
    else echo(frame, peer)
  }
  const run = (link: WorkerLink, sql: string) =>
    ask(link, { statement: sql }, { payload: JSON.stringify({ sql }) })

  test('a statement that writes reaches the writer however it is first placed, and goes there by itself after', async () => {
    const seen: string[] = []
    const { link } = await connect((frame, peer) => {
      if (isTimed(frame)) seen.push(`${peer.lane}:${jsonOf(frame).sql}`)
      engine(frame, peer)
    })
    expect((await run(link, 'insert 1')).lane).toBe(0)
    expect((await run(link, 'insert 1')).lane).toBe(0)
    expect((await run(link, 'select 1')).lane).toBe(1)
    expect(seen).toEqual(['1:insert 1', '0:insert 1', '0:insert 1', '1:select 1'])
  })

  test('the writer is asked to send a guess back, and does', async () => {
    const { link } = await connect(engine)
    await run(link, 'with write 1')
    await run(link, 'with write 2')
    const answer = await run(link, 'with read 1')
    expect(answer).toEqual({ lane: 1, payload: { sql: 'with read 1' } })
    expect((await run(link, 'with write 3')).lane).toBe(0)
  })

  test('a worker whose lanes all refuse a statement is cut off', async () => {
    const onDown = vi.fn()
    const { link } = await connect(
      (frame, peer) => peer.send(FrameType.redirect, frame.id),
      {},
      { onDown },
    )
    await expect(run(link, 'select 1')).rejects.toMatchObject({ sent: true })
    expect(onDown).toHaveBeenCalledOnce()
  })

  test('what waits in a reader that is busy is taken to another', async () => {
    const { link } = await connect(
      (frame, peer) => {
        if (frame.type === FrameType.cancel && peer.lane !== null) cancelled.push(frame.id)
        if (isTimed(frame) && peer.lane === 2) echo(frame, peer)
      },
      { lanes: [0, 1, 2] },
    )
    const cancelled: number[] = []
    const reader = { side: 'reader' } as const
    const requests = Array.from({ length: 6 }, () => ask(link, reader))
    const head = requests.shift()
    head?.catch(() => {})
    for (const { lane } of await Promise.all(requests)) expect(lane).toBe(2)
    expect(cancelled.length).toBeGreaterThan(0)
  })

  test('when all readers are busy one more is started', async () => {
    const { link, worker } = await connect((frame, peer) => {
      if (frame.type === FrameType.addReader)
        void worker.openLane(2).then(() => peer.send(FrameType.result, frame.id, { lane: 2 }))
      else if (isTimed(frame) && peer.lane === 2) echo(frame, peer)
    })
    send(link, new SingleRequest(command({ side: 'reader' }))).answer.catch(() => {})
    await sleep(50)
    expect((await ask(link, { side: 'reader' })).lane).toBe(2)
  })

  test('where there is no room for another, reads wait and are told', async () => {
    const { link } = await connect((frame, peer) => {
      if (frame.type === FrameType.addReader)
        peer.send(FrameType.error, frame.id, { code: 'database.busy', detail: 'no room' })
    })
    send(link, new SingleRequest(command({ side: 'reader' }))).answer.catch(() => {})
    await sleep(50)
    const deadline = performance.now() + 300
    await expect(ask(link, { side: 'reader' }, { deadline })).rejects.toThrow(LanesBusyError)
  })

  test('a reader that ends hands what it had to another; the writer takes all with it', async () => {
    let reader: Peer | undefined
    const onDown = vi.fn()
    const { link } = await connect(
      (frame, peer) => {
        if (peer.lane === 2 || (peer.lane === 0 && jsonOf(frame).sql)) echo(frame, peer)
        else if (peer.lane === 1) reader = peer
        else if (peer.lane === 0) peer.socket.destroy()
      },
      { lanes: [0, 1] },
      { onDown },
    )
    const read = send(link, new SingleRequest(command({ side: 'reader' })))
    await vi.waitFor(() => expect(reader).toBeDefined())
    reader?.socket.destroy()
    // Without any reader the writer reads.
    expect(JSON.parse(Buffer.from(await read.answer).toString()).lane).toBe(0)
    await expect(ask(link, { side: 'writer' }, { payload: '{}' })).rejects.toMatchObject({
      constructor: LinkDownError,
      sent: true,
    })
    expect(onDown).toHaveBeenCalledOnce()
    await expect(ask(link, { side: 'reader' })).rejects.toMatchObject({ sent: false })
  })
})

describe('cancelling', () => {
  test('is said on both sockets until the request is answered, however often it was asked for', async () => {
    const said: (number | null)[] = []
    let waiting: [Frame, Peer] | undefined
    const { link } = await connect((frame, peer) => {
      if (isTimed(frame)) waiting = [frame, peer]
      if (frame.type !== FrameType.cancel) return
      said.push(peer.lane)
      if (said.length < 8 || !waiting) return
      const [request, lane] = waiting
      waiting = undefined
      lane.send(FrameType.error, request.id, { code: 'query.cancelled', detail: '' })
    })
    const request = send(link, new SingleRequest(command({ side: 'writer' })))
    link.cancel(request)
    link.cancel(request)
    await expect(request.answer).rejects.toMatchObject({
      constructor: WorkerFailure,
      failure: { code: 'query.cancelled' },
    })
    expect(new Set(said)).toEqual(new Set([0, null]))
    const after = said.length
    await sleep(80)
    expect(said.length).toBe(after)
  })

  test('names the lane, its session and the number to the control thread', async () => {
    const commands: object[] = []
    const { link } = await connect((frame, peer) => {
      if (frame.type === FrameType.cancel && peer.lane === null)
        commands.push(JSON.parse(Buffer.from(frame.payload).toString()))
    })
    const request = send(link, new SingleRequest(command({ side: 'writer' })))
    request.answer.catch(() => {})
    link.cancel(request)
    await vi.waitFor(() => expect(commands[0]).toBeDefined())
    expect(commands[0]).toEqual({
      lane: 0,
      session: request.lane?.session,
      id: request.id,
    })
  })

  test('what waits for a reader ends at once', async () => {
    const { link } = await connect((frame, peer) => {
      if (frame.type === FrameType.addReader)
        peer.send(FrameType.error, frame.id, { code: 'database.busy', detail: 'no room' })
    })
    send(link, new SingleRequest(command({ side: 'reader' }))).answer.catch(() => {})
    await sleep(50)
    const second = send(link, new SingleRequest(command({ side: 'reader' })))
    link.cancel(second)
    await expect(second.answer).rejects.toThrow(CancelledError)
  })

  test('a transaction that begins after all is rolled back', async () => {
    const rolledBack: object[] = []
    const { link } = await connect((frame, peer) => {
      if (frame.type === FrameType.begin)
        setTimeout(() => peer.send(FrameType.result, frame.id, { transaction: 7 }), 1300)
      if (frame.type === FrameType.rollback) rolledBack.push(jsonOf(frame))
    })
    const begin = { type: FrameType.begin, payload: '{}', deadline: performance.now() + 50 }
    await expect(ask(link, { side: 'writer' }, begin)).rejects.toThrow(LateAnswerError)
    await vi.waitFor(() => expect(rolledBack).toEqual([{ transaction: 7 }]), 3000)
  })
})

describe('streams', () => {
  const stream = (link: WorkerLink, format: 'ndjson' | 'csv' = 'csv') =>
    send(link, new StreamRequest(command({ side: 'reader' }, { type: FrameType.stream }), format))
  const rowsOf = (text: string, rows = 1) => {
    const count = Buffer.alloc(4)
    count.writeUInt32BE(rows)
    return Buffer.concat([count, Buffer.from(text)])
  }
  const END = { rowsAffected: 0, durationMs: 1, truncated: false }

  test('come in order, and the worker is let go on as they are taken', async () => {
    const chunk = 'x'.repeat(64 * 1024)
    let credit = STREAM_CREDIT_BYTES
    let left = 40
    const { link } = await connect((frame, peer) => {
      if (frame.type === FrameType.stream)
        peer.send(FrameType.meta, frame.id, [{ name: 'x', type: 'text', declared: null }])
      else if (frame.type === FrameType.credit) credit += Buffer.from(frame.payload).readUInt32BE(0)
      else return
      for (; credit > 0 && left > 0; left--) {
        credit -= chunk.length
        peer.send(FrameType.rows, frame.id, rowsOf(chunk, 10))
      }
      if (left === 0) peer.send(FrameType.result, frame.id, END)
    })
    const request = stream(link)
    expect(JSON.parse(await request.opened)).toHaveLength(1)
    await sleep(50)
    expect(left).toBe(40 - 4)
    let bytes = 0
    for await (const part of request.parts()) if ('bytes' in part) bytes += part.bytes.length
    expect([bytes, request.rows, request.end]).toEqual([40 * chunk.length, 400, END])
  })

  test('one that fails before its columns fails as any request, one that fails later after its rows', async () => {
    let late = false
    const failure = { code: 'sql.error', detail: 'no' }
    const { link } = await connect((frame, peer) => {
      if (frame.type !== FrameType.stream) return
      if (late) {
        peer.send(FrameType.meta, frame.id, [])
        peer.send(FrameType.rows, frame.id, rowsOf('a'))
      }
      peer.send(FrameType.error, frame.id, failure)
    })
    await expect(stream(link).opened).rejects.toMatchObject({ failure })
    late = true
    const parts = stream(link).parts()
    expect((await parts.next()).value).toMatchObject({ rows: 1 })
    await expect(parts.next()).rejects.toMatchObject({ failure })
  })

  test.each<[string, (send: Peer['send'], id: number) => void]>([
    [
      'more than its credit',
      (send, id) => {
        send(FrameType.meta, id, [])
        for (let n = 0; n < 6; n++) send(FrameType.rows, id, rowsOf('x'.repeat(64 * 1024)))
      },
    ],
    ['rows before columns', (send, id) => send(FrameType.rows, id, rowsOf('x'))],
    [
      'columns twice',
      (send, id) => {
        send(FrameType.meta, id, [])
        send(FrameType.meta, id, [])
      },
    ],
    ['columns of another form', (send, id) => send(FrameType.meta, id, [{ name: 1 }])],
    ['columns that are not JSON', (send, id) => send(FrameType.meta, id, '[')],
    [
      'rows without their number',
      (send, id) => {
        send(FrameType.meta, id, [])
        send(FrameType.rows, id, 'abc')
      },
    ],
    [
      'a part that does not end its line',
      (send, id) => {
        send(FrameType.meta, id, [])
        send(FrameType.rows, id, rowsOf('{"rows":[1]}'))
      },
    ],
    [
      'an end of another form',
      (send, id) => {
        send(FrameType.meta, id, [])
        send(FrameType.result, id, { rowsAffected: 'many' })
      },
    ],
    [
      'a flood of notices',
      (send, id) => {
        send(FrameType.meta, id, [])
        for (let n = 0; n < 200; n++) send(FrameType.notice, id, { kind: 'wal.large', detail: '' })
      },
    ],
    [
      'a redirect after its columns',
      (send, id) => {
        send(FrameType.meta, id, [])
        send(FrameType.redirect, id)
      },
    ],
  ])('a worker that streams %s is cut off', async (_, misbehave) => {
    const onDown = vi.fn()
    const { link } = await connect(
      (frame, peer) => {
        if (frame.type === FrameType.stream) misbehave(peer.send, frame.id)
      },
      {},
      { onDown },
    )
    const request = stream(link, 'ndjson')
    expect(await request.done).toBeInstanceOf(LinkDownError)
    expect(onDown).toHaveBeenCalledOnce()
  })
})

describe('a worker that has been taken over', () => {
  test.each<[string, (peer: Peer, id: number) => void]>([
    ['random bytes', (peer) => peer.socket.write(Buffer.from('HTTP/1.1 200 OK\r\n\r\n'))],
    ['a frame of gigabytes', (peer) => peer.socket.write(Buffer.from('ffffffff1400000001', 'hex'))],
    ['an answer to what was not asked', (peer) => peer.send(FrameType.result, 4_000_000, {})],
    [
      'two answers to one question',
      (peer, id) => {
        peer.send(FrameType.result, id, {})
        peer.send(FrameType.result, id, {})
      },
    ],
    ['a type that there is not', (peer, id) => peer.send(99, id, {})],
    ['an error that is none', (peer, id) => peer.send(FrameType.error, id, { code: 'x' })],
    [
      'an error about who is signed in',
      (peer, id) => peer.send(FrameType.error, id, { code: 'auth.invalid', detail: '' }),
    ],
    ['another welcome', (peer) => peer.send(FrameType.welcome, 0, {})],
  ])('and sends %s is cut off, and its database alone', async (_, misbehave) => {
    const onDown = vi.fn()
    const { link } = await connect((frame, peer) => misbehave(peer, frame.id), {}, { onDown })
    await ask(link, { side: 'writer' }).catch((error) =>
      expect(error).toBeInstanceOf(LinkDownError),
    )
    await vi.waitFor(() => expect(onDown).toHaveBeenCalledOnce())
    expect(link.closed).toBe(true)
    const other = await connect(echo)
    expect((await ask(other.link, { side: 'writer' })).lane).toBe(0)
  })

  test.each<[string, NonNullable<FakeOptions>]>([
    ['introduces itself as another', { welcome: (w) => ({ ...w, databaseId: 'db_111111111111' }) }],
    ['speaks another version', { welcome: (w) => ({ ...w, protocol: 1 }) }],
    ['names lanes without end', { welcome: (w) => ({ ...w, lanes: Array(65).fill(1) }) }],
    ['says nothing at all', { welcome: () => null }],
    ['has no writer', { lanes: [1] }],
    ['has no clock', { welcome: (w) => ({ ...w, clockMs: null }) }],
    [
      'has lanes of other workers',
      { welcome: (w) => (w.lane === 1 ? { ...w, workerId: 'y' } : w) },
    ],
    ['mixes its lanes up', { welcome: (w) => (w.lane === 1 ? { ...w, lane: 2 } : w) }],
    ['says more than a welcome may hold', { welcome: (w) => ({ ...w, x: 'y'.repeat(100_000) }) }],
  ])('and %s is not connected to', async (_, fake) => {
    await expect(connect(echo, fake)).rejects.toThrow(LinkDownError)
  })

  test('and floods the log is cut off', async () => {
    const onDown = vi.fn()
    const onNotice = vi.fn()
    const { link } = await connect(
      (frame, peer) => {
        if (frame.type !== FrameType.health) return
        for (let n = 0; n < 1000; n++)
          peer.send(FrameType.notice, 0, { kind: 'wal.large', detail: `${n}` })
      },
      {},
      { onDown, onNotice },
    )
    await expect(link.health(1000)).rejects.toThrow(LinkDownError)
    expect(onDown).toHaveBeenCalledOnce()
    expect(onNotice.mock.calls.length).toBeLessThan(100)
  })

  test('and never answers is noticed by deadline: its circuit opens, closes at a sign of life', async () => {
    let alive = false
    const { link, links } = await connect((frame, peer) => {
      if (alive && frame.type === FrameType.health) peer.send(FrameType.result, frame.id, HEALTHY)
      else if (alive && isTimed(frame)) echo(frame, peer)
    })
    const deadline = performance.now() + 100
    const late = await Promise.allSettled(
      Array.from({ length: 5 }, () => ask(link, { side: 'writer' }, { deadline })),
    )
    for (const outcome of late) expect(outcome).toMatchObject({ status: 'rejected' })
    await vi.waitFor(() => expect(links.openCircuits).toBe(1), { timeout: 5000 })
    await expect(ask(link, { side: 'writer' })).rejects.toThrow(CircuitOpenError)
    alive = true
    await vi.waitFor(() => expect(links.openCircuits).toBe(0), { timeout: 10_000 })
    expect((await ask(link, { side: 'writer' })).lane).toBe(0)
  })

  test('whose lanes alone are silent is not given up: they are at long work', async () => {
    const { link, links } = await connect((frame, peer) => {
      if (frame.type === FrameType.health) peer.send(FrameType.result, frame.id, HEALTHY)
    })
    const deadline = performance.now()
    for (let round = 0; round < 3; round++)
      await Promise.allSettled(
        Array.from({ length: 5 }, () => ask(link, { side: 'writer' }, { deadline })),
      )
    await sleep(700)
    expect(links.openCircuits).toBe(0)
  })

  test('and stays silent for long is given up', async () => {
    const onSilent = vi.fn()
    const { link } = await connect(() => {}, {}, { onSilent })
    const deadline = performance.now()
    await Promise.allSettled(
      Array.from({ length: 5 }, () => ask(link, { side: 'writer' }, { deadline })),
    )
    await vi.waitFor(() => expect(onSilent).toHaveBeenCalledWith(FAKE_ID), { timeout: 18_000 })
  })
})
