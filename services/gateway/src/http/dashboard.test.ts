import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openTestGateway, type TestGateway } from '../testing/test-gateway.ts'

let pages: Server
let g: TestGateway
const seen: { url: string | undefined; headers: IncomingHttpHeaders }[] = []

beforeAll(async () => {
  pages = createServer((request, response) => {
    seen.push({ url: request.url, headers: request.headers })
    response.setHeader('content-type', 'text/html').end('<p>a page</p>')
  })
  await new Promise<void>((resolve) => pages.listen(0, '127.0.0.1', resolve))
  const { port } = pages.address() as AddressInfo
  g = await openTestGateway({ DBFORGE_DASHBOARD_URL: `http://127.0.0.1:${port}` })
})
afterAll(async () => {
  await g.destroy()
  pages.close()
})

test('what is not the API’s comes from the dashboard’s server, which sees no secret', async () => {
  const { body, status } = await g.call('GET', '/db/shop/sql?a=1', undefined, {
    cookie: 'dbforge_session=secret',
    host: 'forge.example:8080',
  })
  expect({ body, status }).toEqual({ body: '<p>a page</p>', status: 200 })
  expect(seen.at(-1)).toMatchObject({
    url: '/db/shop/sql?a=1',
    headers: { host: 'forge.example:8080' },
  })
  expect(seen.at(-1)?.headers).not.toHaveProperty('cookie')
  expect(seen.at(-1)?.headers).not.toHaveProperty('authorization')
})

test('the API’s own addresses never do', async () => {
  for (const path of ['/api/nope', '/admin/nope', '/metrics/nope', '/ws/nope'])
    expect(await g.problem('GET', path)).toMatchObject({ status: 404, code: 'route.not_found' })
  expect(await g.problem('POST', '/databases', {})).toMatchObject({ status: 404 })
  expect(await g.call('GET', '/health/live')).toMatchObject({
    status: 200,
    body: { status: 'live' },
  })
})

test('a dashboard that does not answer is a problem, not a hang', async () => {
  const gone = await openTestGateway({ DBFORGE_DASHBOARD_URL: 'http://127.0.0.1:9' })
  expect(await gone.problem('GET', '/')).toMatchObject({ code: 'server.internal' })
  await gone.destroy()
})
