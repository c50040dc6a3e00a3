import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { ApiError, createClient } from './client.ts'

const servers: ReturnType<typeof createServer>[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

async function clientOf(
  handle: (request: IncomingMessage, response: ServerResponse) => void | Promise<void>,
) {
  const server = createServer((request, response) => void handle(request, response))
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return createClient({ baseUrl: `http://127.0.0.1:${port}`, token: 'secret' })
}

const call = { params: { name: 'shop' }, body: { sql: 'select 1' } }
const META = { meta: { queryId: 'q', columns: [] } }
const END = { end: { rowsAffected: 0, durationMs: 1, truncated: false, rowCount: 2 } }

describe('a streamed query', () => {
  test('yields each line, wherever the network cuts them', async () => {
    const { queries } = await clientOf(async (request, response) => {
      expect(request.headers).toMatchObject({
        accept: 'application/x-ndjson',
        authorization: 'Bearer secret',
      })
      const text = [META, { rows: [{ a: 'ä€😀' }] }, { rows: [[2]] }, END]
        .map((frame) => `${JSON.stringify(frame)}\n`)
        .join('')
      for (const byte of Buffer.from(text)) {
        response.write(Buffer.from([byte]))
        await new Promise(setImmediate)
      }
      response.end()
    })
    const frames = []
    for await (const frame of queries.query.stream(call)) frames.push(frame)
    expect(frames).toEqual([META, { rows: [{ a: 'ä€😀' }] }, { rows: [[2]] }, END])
  })

  test('that is refused throws its problem', async () => {
    const problem = {
      type: 'urn:db-forge:problem:sql.error',
      title: 'x',
      status: 400,
      code: 'sql.error',
      instance: '',
    }
    const { queries } = await clientOf((_, response) => {
      response.writeHead(400).end(JSON.stringify(problem))
    })
    const first = queries.query.stream(call)[Symbol.asyncIterator]().next()
    await expect(first).rejects.toThrow(ApiError)
  })

  test.each(['abort', 'break'])('closes its request on %s', async (way) => {
    let closed: Promise<unknown> | undefined
    const { queries } = await clientOf((_, response) => {
      closed = once(response, 'close')
      response.write(`${JSON.stringify(META)}\n`)
    })
    const stopping = new AbortController()
    const reading = (async () => {
      for await (const frame of queries.query.stream(call, { signal: stopping.signal })) {
        expect(frame).toEqual(META)
        if (way === 'break') break
        stopping.abort()
      }
    })()
    if (way === 'abort') await expect(reading).rejects.toThrow()
    await reading.catch(() => {})
    await closed
  })

  test('that breaks off throws', async () => {
    const { queries } = await clientOf((_, response) => {
      response.write(`${JSON.stringify(META)}\n`)
      setTimeout(() => response.destroy(), 50)
    })
    const reading = (async () => {
      for await (const _ of queries.query.stream(call));
    })()
    await expect(reading).rejects.toThrow()
  })
})

describe('a route that runs as a job', () => {
  const job = { id: 'job_222222222222', kind: 'restart', state: 'queued' }

  test('can be left to itself, and then answers the job', async () => {
    const { databases } = await clientOf((request, response) => {
      expect(request.headers).toMatchObject({
        prefer: 'respond-async',
        'idempotency-key': 'once',
      })
      response.writeHead(202).end(JSON.stringify(job))
    })
    const params = { name: 'shop' }
    expect(await databases.restart.begin({ params }, { idempotencyKey: 'once' })).toEqual(job)
  })

  test('is waited for otherwise', async () => {
    const { databases } = await clientOf((request, response) => {
      expect(request.headers).not.toHaveProperty('prefer')
      expect(request.headers).not.toHaveProperty('idempotency-key')
      response.end(JSON.stringify({ name: 'shop' }))
    })
    expect(await databases.restart({ params: { name: 'shop' } })).toEqual({ name: 'shop' })
  })
})
